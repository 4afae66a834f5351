/**
 * From root to the user that apt's configuration names, for good: supplementary groups, group and user, real, effective
 * and saved, of every thread. As apt's own methods do (DropPrivileges in apt-pkg/contrib/fileutl.cc); nothing happens
 * for whoever isn't root, or where the configuration wants root.
 */
import { readFileSync } from 'node:fs';
import type { Configuration } from './configuration.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Throws when the rights can't be dropped, or could be had back. */
export function dropRights(configuration: Configuration): void {
  const user = configuration.sandboxUser;
  if (process.getuid?.() !== 0 || user === undefined || user === 'root') return;
  if (/^(?:true|yes|with|on|enable|[1-9]\d*)$/i.test(configuration.get('Debug::NoDropPrivs') ?? '')) return;
  const account = accountOf(user, readFileSync('/etc/passwd', 'latin1'));
  if (!account) throw new Error(`there is no user ${user}`);
  const { uid, gid, home } = account;
  // In this order: each needs the rights that the next takes away.
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  if (`${ids}` !== `${[uid, uid, gid, gid]}`) throw new Error(`could not become ${user}`);
  if (uid !== 0 && canReturn()) throw new Error(`could become root again after ${user}`);
  process.env.HOME = home;
  for (const name of ['USER', 'USERNAME', 'LOGNAME']) process.env[name] = user;
}

/** Of /etc/passwd, as passwd(5) has it. The users of apt's sandboxes are the system's own, so they are there. */
export function accountOf(user: string, passwd: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , uid = '', gid = '', , home = '/'] = line.split(':');
    if (name === user && /^\d+$/.test(uid) && /^\d+$/.test(gid))
      return { uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

function canReturn(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}
