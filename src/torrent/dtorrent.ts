/**
 * The `.dtorrent` file: where to meet the swarm of an archive, and (outside `info`, so that the info-hash outlives
 * updates) which files it has. A bencoded dictionary:
 *   announce, announce-list (BEP 12), url-list (mirrors' base URLs, BEP 19), created by, creation date: as in .torrent
 *   info: the archive's identity (archive-identity.ts)
 *   files: { paths, sizes, keys, roots? }: columns (file-table.ts)
 * Unknown keys are passed over, so that later versions may add some. Decoding throws ProtocolError only. Pure.
 * Source: docs/protocol.md ".dtorrent".
 */
import { decodeDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { asText, findBytes, findInt, findList, findText, getBytes, getDict } from '../bencode/fields.ts';
import type { Limits } from '../bencode/scan.ts';
import { rawValue } from '../bencode/slice.ts';
import type { BDict } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { type ArchiveIdentity, parseSwarmInfo, swarmInfo } from './archive-identity.ts';
import { FileTable } from './file-table.ts';
import { type InfoHash, infoHashOf } from './info-hash.ts';

export interface Dtorrent {
  readonly identity: ArchiveIdentity;
  /** Tiers of tracker URLs (BEP 12); empty = none. */
  readonly trackers: readonly (readonly string[])[];
  /** Base URLs of mirrors, ending in "/" or not; paths are relative to them. */
  readonly webSeeds: readonly string[];
  readonly createdBy: string | undefined;
  /** Milliseconds since 1970, whole seconds. */
  readonly createdAtMs: number | undefined;
  readonly files: FileTable;
}

/** All of Debian unstable, sources included, is some 25 MB. */
const LIMITS: Limits = { maxBytes: 256 << 20, maxDepth: 8, maxItems: 10_000 };
const MAX_URLS = 1000;
const MAX_URL_CHARS = 2048;

export function encodeDtorrent(dtorrent: Dtorrent): Uint8Array {
  const { identity, trackers, webSeeds, createdBy, createdAtMs, files } = dtorrent;
  const several = trackers.length > 1 || (trackers[0]?.length ?? 0) > 1;
  return encode({
    announce: trackers[0]?.[0],
    'announce-list': several ? trackers : undefined,
    'created by': createdBy,
    'creation date': createdAtMs === undefined ? undefined : Math.floor(createdAtMs / 1000),
    files: { ...files.columns },
    info: decodeDict(swarmInfo(identity)),
    'url-list': webSeeds.length > 0 ? webSeeds : undefined,
  });
}

/** Reads a .dtorrent. The table's columns are views of `bytes`. Throws ProtocolError. */
export function decodeDtorrent(bytes: Uint8Array): Dtorrent {
  const dict = decodeDict(bytes, LIMITS);
  const info = rawValue(bytes, 'info', LIMITS);
  if (info === undefined) throw new ProtocolError('"info" is missing');
  const files = getDict(dict, 'files');
  const roots = findBytes(files, 'roots');
  const columns = {
    paths: getBytes(files, 'paths'),
    sizes: getBytes(files, 'sizes'),
    keys: getBytes(files, 'keys'),
  };
  const createdAt = findInt(dict, 'creation date', 0, 8_640_000_000_000);
  return {
    identity: parseSwarmInfo(info),
    trackers: readTrackers(dict),
    webSeeds: (findList(dict, 'url-list') ?? []).map((url) =>
      checkUrl(asText(url, 'url-list'), ['http:', 'https:']),
    ),
    createdBy: findText(dict, 'created by'),
    createdAtMs: createdAt === undefined ? undefined : createdAt * 1000,
    files: new FileTable(roots ? { ...columns, roots } : columns),
  };
}

/** The info-hash of a .dtorrent's swarm. */
export function dtorrentInfoHash(dtorrent: Pick<Dtorrent, 'identity'>): InfoHash {
  return infoHashOf(swarmInfo(dtorrent.identity));
}

/** `announce-list` replaces `announce` where both are there (BEP 12). */
function readTrackers(dict: BDict): string[][] {
  const list = findList(dict, 'announce-list');
  const tracker = (value: string) => checkUrl(value, ['http:', 'https:', 'udp:']);
  if (list) {
    const tiers = list.map((tier) => {
      if (!Array.isArray(tier)) throw new ProtocolError('"announce-list" is not a list of lists');
      return tier.map((url) => tracker(asText(url, 'announce-list')));
    });
    if (tiers.flat().length > MAX_URLS)
      throw new ProtocolError(`"announce-list" has more than ${MAX_URLS} trackers`);
    return tiers.filter((tier) => tier.length > 0);
  }
  const announce = findText(dict, 'announce');
  return announce === undefined ? [] : [[tracker(announce)]];
}

function checkUrl(text: string, schemes: readonly string[]): string {
  const url = text.length <= MAX_URL_CHARS ? URL.parse(text) : null;
  if (!url || !schemes.includes(url.protocol)) throw new ProtocolError(`not a URL of ${schemes.join(', ')}`);
  return text;
}
