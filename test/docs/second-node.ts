/**
 * A second implementation of docs/protocol.md, as small as it can be, by the document alone: it imports nothing of src/.
 * It looks for files and gives files, over any byte stream; it has no mirror, no store and no plan, and ignores claims.
 * What the document forgot to say couldn't be done here, and protocol-second-node.test.ts would show it.
 */
import {
  above,
  BLOCK,
  bdecode,
  bencode,
  dict,
  field,
  geometry,
  message,
  pieceHash,
  sha256,
  split,
  u32,
  type Value,
  zeroTree,
} from './second-codec.ts';

const HASHES_A_REQUEST = 512;

/** Bytes out; bytes in are handed to `receive`. */
export interface Stream {
  send(bytes: Uint8Array): void;
  close(): void;
}

interface Wanted {
  readonly number: number;
  readonly key: Buffer;
  readonly geometry: ReturnType<typeof geometry>;
  readonly bytes: Buffer;
  readonly done: PromiseWithResolvers<Buffer | undefined>;
  missing: number;
  first: number;
  root: Buffer | undefined;
  layer: Buffer[];
}

interface Given {
  readonly bytes: Buffer;
  readonly first: number;
  readonly geometry: ReturnType<typeof geometry>;
  readonly layer: readonly Buffer[];
  readonly root: Buffer;
}

/** One connection. */
export class SecondNode {
  /** Files that it gives. */
  readonly files = new Map<string, Buffer>();
  readonly ready: Promise<void>;
  readonly #stream: Stream;
  readonly #peerId: Buffer;
  readonly #swarms: readonly Buffer[];
  readonly #dialled: boolean;
  readonly #becameReady = Promise.withResolvers<void>();
  readonly #wants = new Map<number, Wanted>();
  readonly #given = new Map<number, Given>();
  #in = Buffer.alloc(0);
  #shaken = false;
  #theirPeerId = Buffer.alloc(0);
  #theirId = 0;
  #nextWant = 0;
  #nextPiece = 0;
  #maxRequest = BLOCK;

  /** `dialled`: we opened the stream, so we speak first. */
  constructor(stream: Stream, peerId: string, swarms: readonly Buffer[], dialled: boolean) {
    this.#stream = stream;
    this.#peerId = Buffer.from(peerId);
    this.#swarms = swarms;
    this.#dialled = dialled;
    this.ready = this.#becameReady.promise;
    if (dialled) this.#sendHandshake(swarms[0] as Buffer);
  }

  receive(chunk: Uint8Array): void {
    this.#in = Buffer.concat([this.#in, chunk]);
    if (!this.#shaken && this.#in.length >= 68) this.#handshake(this.#take(68));
    while (this.#shaken && this.#in.length >= 4 && this.#in.length >= 4 + this.#in.readUInt32BE()) {
      const body = this.#take(4 + this.#in.readUInt32BE()).subarray(4);
      if (body.length > 0) this.#message(body[0] as number, body.subarray(1));
    }
  }

  /** The bytes of a file, verified; undefined when the peer says that it hasn't got it. */
  fetch(key: Buffer, size: number): Promise<Buffer | undefined> {
    const number = this.#nextWant++;
    const cut = geometry(size);
    const state = { missing: cut.pieces, first: -1, root: undefined, layer: [] };
    const done = Promise.withResolvers<Buffer | undefined>();
    this.#wants.set(number, { number, key, geometry: cut, bytes: Buffer.alloc(size), done, ...state });
    this.#say(dict({ t: 'want', n: number, k: key }));
    return done.promise;
  }

  #take(length: number): Buffer {
    const taken = this.#in.subarray(0, length);
    this.#in = this.#in.subarray(length);
    return taken;
  }

  #send(bytes: Uint8Array): void {
    this.#stream.send(bytes);
  }

  #say(fields: Map<string, Value>): void {
    this.#send(message(20, Buffer.of(this.#theirId), bencode(fields)));
  }

  #sendHandshake(swarm: Buffer): void {
    const reserved = Buffer.of(0, 0, 0, 0, 0, 0x10, 0, 0x04);
    this.#send(Buffer.concat([Buffer.from('\x13BitTorrent protocol'), reserved, swarm, this.#peerId]));
  }

  #handshake(bytes: Buffer): void {
    const swarm = bytes.subarray(28, 48);
    if (!this.#swarms.some((ours) => ours.equals(swarm))) return this.#stream.close();
    this.#theirPeerId = Buffer.from(bytes.subarray(48));
    this.#shaken = true;
    if (!this.#dialled) this.#sendHandshake(swarm);
    this.#send(message(15));
    const m = dict({ dt_archive: 9, lt_donthave: 8 });
    this.#send(message(20, Buffer.of(0), bencode(dict({ m, v: 'second' }))));
    this.#send(message(1));
  }

  #message(id: number, body: Buffer): void {
    if (id === 20) return this.#extended(body[0] as number, body.subarray(1));
    if (id === 6) return this.#request(body.readUInt32BE(0), body.readUInt32BE(4), body.readUInt32BE(8));
    if (id === 7) return this.#piece(body.readUInt32BE(0), body.readUInt32BE(4), body.subarray(8));
    if (id === 21) return this.#hashRequest(body);
    if (id === 22) return this.#hashes(body);
  }

  #extended(id: number, payload: Buffer): void {
    const fields = bdecode(payload);
    if (id === 0) {
      this.#theirId = field<number>(field(fields, 'm'), 'dt_archive');
      const ids = [this.#peerId, this.#theirPeerId].sort(Buffer.compare) as [Buffer, Buffer];
      const s = Buffer.concat(this.#swarms.map((swarm) => sha256(swarm, ...ids)));
      this.#say(dict({ t: 'hello', v: 1, q: 4 * BLOCK, s }));
    }
    if (id !== 9) return;
    switch (String(field<Buffer>(fields, 't'))) {
      case 'hello':
        this.#maxRequest = field<number>(fields, 'q');
        return this.#becameReady.resolve();
      case 'want':
        return this.#want(field<number>(fields, 'n'), split(field<Buffer>(fields, 'k'), 32));
      case 'have':
        for (const entry of field<Value[]>(fields, 'h')) this.#have(entry);
        return;
      case 'none': {
        const ranges = field<number[]>(fields, 'r');
        for (let i = 0; i < ranges.length; i += 2) {
          for (let k = 0; k < (ranges[i + 1] as number); k += 1)
            this.#end((ranges[i] as number) + k, undefined);
        }
        return;
      }
    }
  }

  // ---- as asker ----

  #have(entry: Value): void {
    const wanted = this.#wants.get(field<number>(entry, 'n'));
    if (!wanted || field<number>(entry, 's') !== wanted.geometry.size) return;
    wanted.first = field<number>(entry, 'p');
    wanted.root = (entry as Map<string, Value>).get('r') as Buffer | undefined;
    const { pieces, layerHeight, treeHeight } = wanted.geometry;
    if (pieces === 1) return this.#ask(wanted);
    const rows = 2 ** (treeHeight - layerHeight);
    const length = Math.min(HASHES_A_REQUEST, rows);
    for (let index = 0; index < pieces; index += length)
      this.#send(
        message(21, wanted.root as Buffer, u32(layerHeight, index, length, treeHeight - layerHeight - 1)),
      );
  }

  #hashes(body: Buffer): void {
    const root = body.subarray(0, 32);
    const [index, length] = [body.readUInt32BE(36), body.readUInt32BE(40)];
    const wanted = [...this.#wants.values()].find((w) => w.root?.equals(root));
    if (!wanted) return;
    const { layerHeight, treeHeight, pieces } = wanted.geometry;
    const given = split(body.subarray(48), 32);
    let top = above(given.slice(0, length), layerHeight, Math.log2(length));
    let node = index / length;
    for (const uncle of given.slice(length)) {
      top = node % 2 === 0 ? sha256(top, uncle) : sha256(uncle, top);
      node = Math.floor(node / 2);
    }
    const uncles = treeHeight - layerHeight - Math.log2(length);
    if (given.length !== length + uncles || !top.equals(root)) return this.#stream.close();
    given.slice(0, length).forEach((h, i) => {
      if (index + i < pieces) wanted.layer[index + i] = h;
    });
    if (wanted.layer.filter(Boolean).length === pieces) this.#ask(wanted);
  }

  #ask({ first, geometry: { pieces, sizeOf } }: Wanted): void {
    this.#send(message(2));
    for (let piece = 0; piece < pieces; piece += 1) {
      for (let begin = 0; begin < sizeOf(piece); begin += this.#maxRequest)
        this.#send(message(6, u32(first + piece, begin, Math.min(this.#maxRequest, sizeOf(piece) - begin))));
    }
  }

  #piece(index: number, begin: number, payload: Buffer): void {
    const wanted = [...this.#wants.values()].find(
      (w) => w.first >= 0 && index >= w.first && index < w.first + w.geometry.pieces,
    );
    if (!wanted) return;
    const { length, pieces, sizeOf, layerHeight } = wanted.geometry;
    const piece = index - wanted.first;
    payload.copy(wanted.bytes, piece * length + begin);
    // Answers come in the order of the requests.
    if (begin + payload.length < sizeOf(piece)) return;
    const bytes = wanted.bytes.subarray(piece * length, piece * length + sizeOf(piece));
    if (pieces > 1 && !pieceHash(bytes, layerHeight).equals(wanted.layer[piece] as Buffer))
      return this.#stream.close();
    wanted.missing -= 1;
    if (wanted.missing > 0) return;
    if (!sha256(wanted.bytes).equals(wanted.key)) return this.#stream.close();
    this.#end(wanted.number, wanted.bytes);
  }

  #end(number: number, bytes: Buffer | undefined): void {
    this.#wants.get(number)?.done.resolve(bytes);
    if (bytes) this.#say(dict({ t: 'unwant', r: [number, 1] }));
    this.#wants.delete(number);
  }

  // ---- as answerer ----

  #want(first: number, keys: readonly Buffer[]): void {
    keys.forEach((key, i) => {
      const bytes = this.files.get(key.toString('hex'));
      if (!bytes) {
        this.#say(dict({ t: 'none', r: [first + i, 1] }));
        return;
      }
      const cut = geometry(bytes.length);
      const layer = Array.from({ length: cut.pieces }, (_, piece) =>
        pieceHash(bytes.subarray(piece * cut.length, (piece + 1) * cut.length), cut.layerHeight),
      );
      const root =
        cut.pieces > 1 ? above(layer, cut.layerHeight, cut.treeHeight - cut.layerHeight) : Buffer.alloc(0);
      this.#given.set(first + i, { bytes, layer, root, first: this.#nextPiece, geometry: cut });
      const entry = dict({ n: first + i, s: bytes.length, p: this.#nextPiece, g: 0 });
      if (cut.pieces > 1) entry.set('r', root);
      this.#nextPiece += Math.max(1, cut.pieces);
      this.#say(dict({ t: 'have', h: [entry] }));
    });
  }

  #request(index: number, begin: number, length: number): void {
    for (const { bytes, first, geometry: cut } of this.#given.values()) {
      if (index < first || index >= first + cut.pieces) continue;
      const from = (index - first) * cut.length + begin;
      this.#send(message(7, u32(index, begin), bytes.subarray(from, from + length)));
    }
  }

  #hashRequest(body: Buffer): void {
    const [base = 0, index = 0, length = 0, proof = 0] = [32, 36, 40, 44].map((at) => body.readUInt32BE(at));
    const given = [...this.#given.values()].find(({ root }) => root.equals(body.subarray(0, 32)));
    if (!given) return this.#send(message(23, body));
    const { layer } = given;
    const hashes = Array.from({ length }, (_, i) => layer[index + i] ?? zeroTree(base));
    let [span, node] = [length, index / length];
    for (let i = 0; i < Math.max(0, proof - Math.log2(length) + 1); i += 1) {
      const from = (node ^ 1) * span;
      hashes.push(above(layer.slice(from, from + span), base, Math.log2(span)));
      span *= 2;
      node = Math.floor(node / 2);
    }
    this.#send(message(22, body, ...hashes));
  }
}
