/**
 * An import without a daemon: opens the cache and the catalogue for itself, and closes them again. Nothing is asked of
 * anybody: what the catalogue knows already and apt's lists say is all that there is.
 */
import { Hasher } from '../acquire/hasher.ts';
import { Importer, type ImportProgress } from '../acquire/importer.ts';
import { AptLists } from '../archive/apt-lists.ts';
import { Catalogue } from '../archive/catalogue.ts';
import { Refresh } from '../archive/refresh.ts';
import { parseShareRule } from '../archive/sharing.ts';
import type { Settings } from '../config/settings.ts';
import { limitsOf } from '../daemon/disk-limits.ts';
import { makeDirectory } from '../daemon/make-directory.ts';
import { systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { DiskStore } from '../store/disk-store.ts';
import { swarmInfoHash } from '../torrent/archive-identity.ts';

const SHOW_MS = 200;

/** Throws ConfigError when a daemon has the cache, Error when the folder can't be read. */
export async function importHere(
  settings: Settings,
  directory: string,
  show: (progress: ImportProgress) => void,
): Promise<ImportProgress> {
  const { cacheDir } = settings;
  makeDirectory(cacheDir, '--cache-dir');
  await using store = new DiskStore({ cacheDir, ...limitsOf(settings) });
  await using hasher = new Hasher();
  await using catalogue = new Catalogue({
    directory: `${settings.stateDir}/catalogue`,
    infoHash: swarmInfoHash,
    shareRules: settings.share.map(parseShareRule),
  });
  const importer = new Importer({ store, hasher, byKey: (key) => catalogue.byKey(key) });
  const running = importer.run({ directory, mayCopy: true, before: readLists(settings, catalogue) });
  const showing = setInterval(() => importer.progress && show(importer.progress), SHOW_MS);
  try {
    const outcome = await running;
    show(outcome);
    return outcome;
  } finally {
    clearInterval(showing);
  }
}

async function readLists({ aptLists }: Settings, catalogue: Catalogue): Promise<void> {
  if (aptLists === 'none') return;
  const mirror = { request: () => Promise.reject(new UnavailableError('no mirror is asked')) };
  const refresh = new Refresh({ catalogue, mirror });
  using lists = new AptLists({
    directory: aptLists,
    clock: systemClock,
    isOwnHost: () => false,
    take: (at, bytes, validators) => refresh.take(at, bytes, validators),
    indexListed: (at, stem, path) => catalogue.indexListed(at, stem, path),
  });
  await lists.read();
}
