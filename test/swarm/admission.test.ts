import { describe, expect, test } from 'bun:test';
import { isLanAddress } from '../../src/swarm/address.ts';
import {
  Admission,
  ENOUGH_IN_SWARM,
  type Guest,
  KNOWN_A_NETWORK,
  LAN_WAITING_AN_ADDRESS,
  MAX_IN_SWARM,
  MAX_INBOUND,
  MAX_LAN_WAITING,
  MAX_PEERS,
  MAX_WAITING,
  OWN_CHOICE_IN_SWARM,
  STRANGERS_A_NETWORK,
  WAITING_A_GROUP,
} from '../../src/swarm/admission.ts';
import { LocalNetwork } from '../../src/swarm/local-network.ts';
import { isNear, type Provenance } from '../../src/swarm/provenance.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

class FakeGuest implements Guest {
  readonly address: string;
  readonly dialled: boolean;
  readonly provenance: Provenance;
  ready = true;
  bytesDown = 0;
  isUploadOnly = false;
  swarm = 's';
  closed: string | undefined;
  onClose: () => void = () => {};

  constructor(address: string, { dialled = false, provenance = 'inbound' as Provenance, ready = true } = {}) {
    this.address = address;
    this.dialled = dialled;
    this.provenance = provenance;
    this.ready = ready;
  }

  get trusted(): boolean {
    return isNear(this.provenance) || isLanAddress(this.address);
  }

  shares(infoHash: string): boolean {
    return infoHash === this.swarm;
  }

  close(reason: string): void {
    this.closed = reason;
    this.onClose();
  }
}

/** The i-th address, each of a network of its own. */
const far = (i: number) => `20.${i >> 8}.${i & 255}.7`;

function scene() {
  const admission = new Admission();
  const enter = (guest: FakeGuest) => {
    guest.onClose = () => admission.leave(guest);
    admission.enter(guest);
    return guest;
  };
  const fill = (count: number, options = {}, from = 0) =>
    Array.from({ length: count }, (_, i) => enter(new FakeGuest(far(from + i), options)));
  return { admission, enter, fill };
}

describe('Admission of strangers', () => {
  test('lets in two of one /24 or /48, whoever dialled', () => {
    const { admission, enter } = scene();
    expect(admission.refusal('203.0.113.1', 'inbound')).toBeUndefined();
    enter(new FakeGuest('203.0.113.1'));
    enter(new FakeGuest('203.0.113.2', { dialled: true, provenance: 'dht' }));
    expect(admission.refusal('203.0.113.3', 'inbound')).toBe('enough of that network');
    expect(admission.mayDial('203.0.113.3', 'pex')).toBe(false);
    expect(admission.refusal('203.0.114.3', 'inbound')).toBeUndefined();
    enter(new FakeGuest('2001:db8:1:1::1'));
    enter(new FakeGuest('2001:db8:1:2::1'));
    expect(admission.refusal('2001:db8:1:3::1', 'inbound')).toBe('enough of that network');
    expect(admission.mayDial('2001:db8:2:3::1', 'pex')).toBe(true);
    expect(STRANGERS_A_NETWORK).toBe(2);
  });

  test('dials a neighbour with a public address as one of that network where the DHT or any tracker named it', () => {
    const local = new LocalNetwork(new VirtualClock(), () => ['203.0.113.7/24']);
    const admission = new Admission(local);
    for (const host of ['203.0.113.1', '203.0.113.2']) admission.enter(new FakeGuest(host));
    for (const from of ['dht', 'open-tracker'] as const)
      expect(admission.mayDial('203.0.113.3', from)).toBe(false);
    for (const from of ['lan', 'tracker', 'pex'] as const)
      expect(admission.mayDial('203.0.113.3', from)).toBe(true);
  });

  test('lets in more of one network where a tracker of the operator’s named the address', () => {
    const { admission, enter } = scene();
    for (let i = 0; i < KNOWN_A_NETWORK; i += 1) {
      expect(admission.refusal(`203.0.113.${i}`, 'tracker')).toBeUndefined();
      enter(new FakeGuest(`203.0.113.${i}`, { provenance: 'tracker' }));
    }
    expect(admission.refusal('203.0.113.99', 'tracker')).toBe('enough of that network');
  });

  test('keeps a third of a swarm, and of all places, for those that were dialled', () => {
    const { admission, enter, fill } = scene();
    fill(MAX_IN_SWARM - OWN_CHOICE_IN_SWARM);
    expect(admission.objection(new FakeGuest(far(999)), 's')).toBe('full');
    expect(admission.objection(new FakeGuest(far(999), { dialled: true }), 's')).toBeUndefined();
    for (let i = 0; i < MAX_INBOUND - (MAX_IN_SWARM - OWN_CHOICE_IN_SWARM); i += 1)
      enter(new FakeGuest(far(1_000 + i))).swarm = 'another';
    expect(admission.objection(new FakeGuest(far(2_000)), 'a third')).toBe('full');
    expect(admission.objection(new FakeGuest(far(2_000), { dialled: true }), 'a third')).toBeUndefined();
  });

  test('wants enough in a swarm, and a third of own choice whoever else came', () => {
    const { admission, fill } = scene();
    expect(admission.wants('s')).toBe(true);
    fill(ENOUGH_IN_SWARM);
    expect(admission.wants('s')).toBe(true);
    fill(OWN_CHOICE_IN_SWARM - 1, { dialled: true }, 1_000);
    expect(admission.wants('s')).toBe(true);
    fill(1, { dialled: true }, 2_000);
    expect(admission.wants('s')).toBe(false);
    expect(admission.wants('another')).toBe(true);
  });

  test('counts those who are being dialled', () => {
    const { admission, fill } = scene();
    fill(ENOUGH_IN_SWARM, { dialled: true, ready: false });
    expect(admission.wants('s')).toBe(false);
  });
});

describe('Admission of those who have not said hello', () => {
  test('closes the one that has waited longest when too many wait', () => {
    const { admission, fill } = scene();
    const waiting = fill(MAX_WAITING, { ready: false });
    expect(waiting.every(({ closed }) => closed === undefined)).toBe(true);
    const [another] = fill(1, { ready: false }, 5_000);
    expect(waiting[0]?.closed).toBe('too many handshakes');
    expect(waiting[1]?.closed).toBeUndefined();
    expect(another?.closed).toBeUndefined();
    expect(admission.refusal(far(6_000), 'inbound')).toBeUndefined();
  });

  test('does not close one of the LAN for strangers, nor one that was dialled, nor one that has said hello', () => {
    const { enter, fill } = scene();
    const kept = [
      enter(new FakeGuest('192.168.1.5', { ready: false })),
      enter(new FakeGuest(far(9_000), { dialled: true, ready: false })),
      enter(new FakeGuest(far(9_001))),
    ];
    fill(10_000, { ready: false });
    expect(kept.map(({ closed }) => closed)).toEqual([undefined, undefined, undefined]);
  });

  test('lets few of them be of one address group', () => {
    const { admission, enter } = scene();
    for (let i = 0; i < LAN_WAITING_AN_ADDRESS; i += 1) {
      expect(admission.refusal('192.168.1.5', 'inbound')).toBeUndefined();
      enter(new FakeGuest('192.168.1.5', { ready: false }));
    }
    expect(admission.refusal('192.168.1.5', 'inbound')).toBe('too many handshakes');
    expect(admission.refusal('192.168.1.6', 'inbound')).toBeUndefined();
    for (let i = 0; i < WAITING_A_GROUP; i += 1)
      enter(new FakeGuest('2001:db8::1', { provenance: 'tracker', ready: false }));
    expect(admission.refusal('2001:db8::2', 'tracker')).toBe('too many handshakes');
  });

  test('bounds those of the LAN, too, and of an address that was given by hand', () => {
    const { admission, enter } = scene();
    const lan = Array.from({ length: MAX_LAN_WAITING + 1 }, (_, i) =>
      enter(new FakeGuest(`192.168.${i}.5`, { ready: false })),
    );
    expect(lan.filter(({ closed }) => closed)).toEqual([lan[0] as FakeGuest]);
    for (let i = 0; i < LAN_WAITING_AN_ADDRESS; i += 1) enter(new FakeGuest('203.0.113.9', { ready: false }));
    expect(admission.refusal('203.0.113.9', 'given')).toBe('too many handshakes');
  });
});

describe('Admission of near peers', () => {
  test('is not bound to shares of a network or a swarm', () => {
    const { admission, enter } = scene();
    for (let i = 0; i < 150; i += 1) {
      const guest = new FakeGuest(`203.0.113.${i}`, { provenance: 'given', dialled: true });
      expect(admission.mayDial(guest.address, 'given')).toBe(true);
      expect(admission.refusal(guest.address, 'given')).toBeUndefined();
      expect(admission.objection(guest, 's')).toBeUndefined();
      enter(guest);
    }
  });

  test('sends a stranger away when all is full: one that came by itself, and gave least', () => {
    const { admission, fill } = scene();
    const chosen = fill(100, { dialled: true });
    const came = fill(100, {}, 1_000);
    came.forEach((guest, i) => {
      guest.bytesDown = i === 42 ? 1 : 1_000;
    });
    const near = new FakeGuest('192.168.1.5');
    expect(admission.objection(new FakeGuest(far(9_999), { dialled: true }), 'another')).toBe('full');
    expect(admission.objection(near, 's')).toBeUndefined();
    expect(came.filter(({ closed }) => closed)).toEqual([came[42] as FakeGuest]);
    expect(chosen.some(({ closed }) => closed)).toBe(false);
  });

  test('of those that gave nothing, one that looks for nothing', () => {
    const { admission, fill } = scene();
    const came = fill(100);
    fill(100, { dialled: true }, 1_000);
    const idle = came[77] as FakeGuest;
    idle.isUploadOnly = true;
    expect(admission.objection(new FakeGuest('192.168.1.5'), 's')).toBeUndefined();
    expect(came.filter(({ closed }) => closed)).toEqual([idle]);
  });

  test('ends where near peers alone fill all places', () => {
    const { admission, enter } = scene();
    for (let i = 0; i < MAX_PEERS; i += 1) enter(new FakeGuest(`10.0.${i}.1`));
    expect(admission.objection(new FakeGuest('10.1.0.1'), 's')).toBe('full');
  });
});
