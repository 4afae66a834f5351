/**
 * What an archive swarm is about, and its `info` dictionary: stable facts only, nothing in it free to choose, so that
 * every node derives the same info-hash from the same Release, and the swarm outlives every update.
 * `{ "archive": { "architecture", "codename", "origin" }, "name": "<origin> <codename> <architecture>", "version": 1 }`
 * What a Release's fields make of an identity (pockets taken off) is decided in archive/identity.ts.
 * Source: docs/protocol.md "Swarms".
 */
import { decodeDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { getDict, getText } from '../bencode/fields.ts';
import { ProtocolError } from '../lib/errors.ts';
import { type InfoHash, infoHashOf } from './info-hash.ts';

export interface ArchiveIdentity {
  /** "Debian", "Ubuntu"; for a flat repository without one: its URI without scheme. */
  readonly origin: string;
  /** "bookworm", without a pocket's suffix. */
  readonly codename: string;
  /** "amd64"; "all" is the swarm in which every node meets. */
  readonly architecture: string;
}

/** Longest of each field, and most bytes of an `info` dictionary that is looked at. */
const FIELD_MAX_CHARS = 200;
const INFO_MAX_BYTES = 4096;

/** "Debian bookworm amd64", for people. */
export function swarmName({ origin, codename, architecture }: ArchiveIdentity): string {
  return `${origin} ${codename} ${architecture}`;
}

/**
 * The canonical `info` dictionary, as ut_metadata hands it out (BEP 9). Throws RangeError for a field that is empty,
 * longer than 200 characters or has control characters: such an archive has no swarm.
 */
export function swarmInfo(identity: ArchiveIdentity): Uint8Array {
  if (!isIdentity(identity))
    throw new RangeError('an archive without a proper origin, codename and architecture');
  const { origin, codename, architecture } = identity;
  return encode({ archive: { architecture, codename, origin }, name: swarmName(identity), version: 1 });
}

export function swarmInfoHash(identity: ArchiveIdentity): InfoHash {
  return infoHashOf(swarmInfo(identity));
}

/** Of an `info` dictionary. Throws ProtocolError unless it is exactly what swarmInfo() makes of the identity in it. */
export function parseSwarmInfo(bytes: Uint8Array): ArchiveIdentity {
  const info = decodeDict(bytes, { maxBytes: INFO_MAX_BYTES, maxDepth: 2, maxItems: 16 });
  const archive = getDict(info, 'archive');
  const identity: ArchiveIdentity = {
    origin: getText(archive, 'origin'),
    codename: getText(archive, 'codename'),
    architecture: getText(archive, 'architecture'),
  };
  if (!isIdentity(identity) || Buffer.compare(swarmInfo(identity), bytes) !== 0) {
    throw new ProtocolError('could not read info dictionary: not that of an archive swarm');
  }
  return identity;
}

function isIdentity({ origin, codename, architecture }: ArchiveIdentity): boolean {
  return isField(origin) && isField(codename) && isField(architecture);
}

function isField(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is control characters that are refused.
  return text.length > 0 && text.length <= FIELD_MAX_CHARS && !/[\x00-\x1f\x7f]/.test(text);
}
