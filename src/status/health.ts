/**
 * How a node is, in plain words: what is wrong, worst first, and what to do about it. Decides what is worth a person's
 * attention and what isn't; the facts are the snapshot's. Pure.
 */
import { diskLine, releaseLine, type StatusSnapshot } from './snapshot.ts';

export interface Finding {
  /** `bad`: APT is affected, or soon will be. `note`: it works, and could work better. */
  readonly level: 'bad' | 'note' | 'good';
  readonly title: string;
  /** What to do, or why nothing need be done. */
  readonly advice: string;
}

/** Before that, nobody may have been found yet. */
const SETTLED_SECONDS = 60;
const NAMED_MAX = 5;

/** At least one; bad ones first. */
export function healthOf(snapshot: StatusSnapshot): Finding[] {
  const found = [
    ...archives(snapshot),
    ...use(snapshot),
    ...company(snapshot),
    ...disk(snapshot),
    ...bans(snapshot),
  ];
  const sorted = [
    ...found.filter(({ level }) => level === 'bad'),
    ...found.filter(({ level }) => level === 'note'),
  ];
  if (sorted.length > 0) return sorted;
  return [{ level: 'good', title: 'All is well', advice: 'Nothing needs your attention.' }];
}

function archives({ releases }: StatusSnapshot): Finding[] {
  const troubled = releases.filter((release) => releaseLine(release) !== '');
  const findings = troubled.slice(0, NAMED_MAX).map((release): Finding => {
    const { name, validSeconds, stale } = release;
    const isOver = validSeconds !== undefined && validSeconds < 0;
    if (isOver)
      return {
        level: 'bad',
        title: `${name} is no longer valid`,
        advice:
          "APT refuses it until the mirror brings a newer one: check this machine's clock, or use another mirror.",
      };
    const advice = stale
      ? 'APT is served the copy at hand meanwhile. If it lasts, use another mirror.'
      : 'APT is served the newest one that was seen. If it lasts, use another mirror.';
    return { level: 'note', title: `${name}: ${releaseLine(release)}`, advice };
  });
  const more = troubled.length - findings.length;
  if (more > 0)
    findings.push({ level: 'note', title: `${more} more archives`, advice: 'See Archives below.' });
  return findings;
}

function use({ bytes, swarms, seed }: StatusSnapshot): Finding[] {
  if (seed) return [];
  if (bytes.fromPeers + bytes.fromStore + bytes.fromMirror === 0)
    return [
      {
        level: 'note',
        title: 'APT has not asked for anything yet',
        advice: 'Run "apt-get update". "debtorrent apt status" says whether APT comes here.',
      },
    ];
  if (swarms.length === 0)
    return [
      {
        level: 'note',
        title: 'No archive is shared with others yet',
        advice:
          'Only archives that a public archive key signed are shared by themselves; --share names others.',
      },
    ];
  return [];
}

function company(snapshot: StatusSnapshot): Finding[] {
  const { swarms, uptimeSeconds, reachability, trackers, dht, peers } = snapshot;
  const findings: Finding[] = [];
  const connected = peers.length + swarms.reduce((sum, swarm) => sum + swarm.peers, 0);
  if (connected === 0 && swarms.length > 0 && uptimeSeconds >= SETTLED_SECONDS)
    findings.push({
      level: 'note',
      title: 'Nobody else is here yet',
      advice:
        'Files come from the mirror. Install DebTorrent on another machine of this network and both find each other; ' +
        "where multicast doesn't reach, name it with --peer.",
    });
  if (reachability.state === 'not reachable')
    findings.push({
      level: 'note',
      title: "Other machines can't come in from outside",
      advice: reachability.advice || 'Peers are dialled from here all the same.',
    });
  const asked = trackers.filter(({ state }) => state !== 'unused');
  if (asked.length > 0 && asked.every(({ state }) => state === 'failing'))
    findings.push({
      level: 'note',
      title: asked.length === 1 ? 'The tracker does not answer' : 'None of the trackers answers',
      advice: 'Peers are met by the other ways meanwhile. Why, is said below.',
    });
  if (dht?.nodes === 0 && uptimeSeconds >= 2 * SETTLED_SECONDS)
    findings.push({
      level: 'note',
      title: 'The DHT does not answer',
      advice: 'A firewall may keep UDP from going out. Peers are met by the other ways meanwhile.',
    });
  return findings;
}

function disk({ limits }: StatusSnapshot): Finding[] {
  const line = limits ? diskLine(limits) : '';
  if (line === '') return [];
  return [
    { level: 'note', title: 'The disk is nearly full', advice: `${line}. APT is served all the same.` },
  ];
}

function bans({ banned }: StatusSnapshot): Finding[] {
  if (banned.length === 0) return [];
  return [
    {
      level: 'note',
      title: banned.length === 1 ? 'One peer is banned' : `${banned.length} peers are banned`,
      advice: 'Why, is said under Banned. Nothing wrong went to APT or to others: nothing need be done.',
    },
  ];
}
