/**
 * Who may learn what this node looks for, and what strangers are told of security updates. Asking a stranger for a
 * security fix tells it that this machine lacks it; so, unless the operator says otherwise, such files are asked for
 * only from peers that the operator has chosen. What is here is offered to everybody all the same.
 *
 *  - open: everybody may be asked for everything.
 *  - default: files of security pockets are asked of known peers only, and a stranger that wants one hears `have` or
 *    nothing, never `none`, which would say that we lack it.
 *  - lan: only the local network and peers given by hand, for anything; nobody else is connected at all.
 *
 * Pure. docs/protocol.md "Who learns what you look for".
 */
import type { PrivacyScope } from '../config/settings.ts';
import type { Sha256 } from '../lib/sha256.ts';

/** As much of a peer as matters here. */
export interface Onlooker {
  /** On the local network, or given by hand. */
  readonly trusted: boolean;
  /** The operator's own choice: by hand, by the local network, by a tracker of theirs. */
  readonly known: boolean;
}

export class Privacy {
  readonly scope: PrivacyScope;
  readonly #isSecurity: (key: Sha256) => boolean;

  /** `isSecurity`: whether a security pocket has a file of that key. */
  constructor(scope: PrivacyScope = 'default', isSecurity: (key: Sha256) => boolean = () => false) {
    this.scope = scope;
    this.#isSecurity = isSecurity;
  }

  /** Whether this peer may be asked, told of claims, and told what comes in piece by piece. */
  mayLearn(peer: Onlooker, isSecurity: boolean): boolean {
    if (this.scope === 'open') return true;
    if (this.scope === 'lan') return peer.trusted;
    return !isSecurity || peer.known;
  }

  /** Whether this peer is not to be told that we haven't got a file, or not the whole of it. */
  isSilentAbout(key: Sha256, peer: Onlooker): boolean {
    return !this.mayLearn(peer, true) && this.#isSecurity(key);
  }
}
