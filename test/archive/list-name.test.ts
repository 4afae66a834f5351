import { describe, expect, test } from 'bun:test';
import { locationName } from '../../src/archive/entry.ts';
import { listedArchives } from '../../src/archive/list-name.ts';

const OPTIONS = {
  httpsHosts: new Set(['apt.example.org']),
  isOwnHost: (host: string) => host === 'localhost:9988',
};
const archivesOf = (...names: string[]) => listedArchives(names, OPTIONS);

describe('listedArchives()', () => {
  test.each([
    [
      'ftp.de.debian.org_debian_dists_bookworm_InRelease',
      'http',
      'ftp.de.debian.org/debian/dists/bookworm/InRelease',
    ],
    [
      'apt.example.org_node%5f20.x_dists_nodistro_InRelease',
      'https',
      'apt.example.org/node_20.x/dists/nodistro/InRelease',
    ],
    [
      '127.0.0.1:8080_%7euser_debian_dists_stable_InRelease',
      'http',
      '127.0.0.1:8080/~user/debian/dists/stable/InRelease',
    ],
    [
      'localhost:9988_ftp.de.debian.org_debian_dists_sid_InRelease',
      'http',
      'ftp.de.debian.org/debian/dists/sid/InRelease',
    ],
    [
      'localhost:9988_HTTPS___example.org_debian_dists_sid_InRelease',
      'https',
      'example.org/debian/dists/sid/InRelease',
    ],
    ['example.org_flat_._InRelease', 'http', 'example.org/flat/InRelease'],
    ['example.org_flat_InRelease', 'http', 'example.org/flat/InRelease'],
    ['example.org:80_flat_Release', 'http', 'example.org/flat/Release'],
  ])('%s', (name, scheme, place) => {
    const [archive] = archivesOf(name);
    expect(archive?.at.scheme).toBe(scheme as 'http');
    expect(locationName(archive?.at as never)).toBe(place);
  });

  test('indexes belong to the Release with the longest name that they begin with', () => {
    const base = 'ftp.de.debian.org_debian_dists_';
    const archives = archivesOf(
      `${base}bookworm_InRelease`,
      `${base}bookworm_main_binary-amd64_Packages.lz4`,
      `${base}bookworm_main_dep11_Components-amd64.yml.gz`,
      `${base}bookworm_main_i18n_Translation-en`,
      `${base}bookworm_contrib_source_Sources`,
      `${base}buster_updates_InRelease`,
      `${base}buster_updates_main_binary-all_Packages.xz`,
      'lock',
      'partial',
      'gone.example.org_debian_dists_x_main_binary-amd64_Packages',
    );
    expect(archives.map(({ release, indexes }) => [release, [...indexes.values()]])).toEqual([
      [`${base}bookworm_InRelease`, ['main/binary-amd64/Packages', 'contrib/source/Sources']],
      [`${base}buster_updates_InRelease`, ['main/binary-all/Packages']],
    ]);
  });

  test('of a flat repository', () => {
    const [archive] = archivesOf(
      'example.org_flat_._Release',
      'example.org_flat_._Release.gpg',
      'example.org_flat_._Packages',
    );
    expect(archive?.signature).toBe('example.org_flat_._Release.gpg');
    expect([...(archive?.indexes ?? [])]).toEqual([['example.org_flat_._Packages', 'Packages']]);
  });

  test('an InRelease goes before a Release', () => {
    const archives = archivesOf('h.org_d_Release', 'h.org_d_Release.gpg', 'h.org_d_InRelease');
    expect(archives.map(({ release, signature }) => [release, signature])).toEqual([
      ['h.org_d_InRelease', undefined],
    ]);
  });

  test.each([
    '_var_www_debian_dists_x_InRelease',
    'h.org_%zz_InRelease',
    'h.org_.._.._InRelease',
    '%20_x_InRelease',
    'InRelease',
  ])('passes over %s', (name) => expect(archivesOf(name)).toEqual([]));
});
