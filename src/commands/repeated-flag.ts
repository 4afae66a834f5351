/**
 * Every value of a flag that may be given several times: citty keeps only the last one. Reads both `--tracker URL` and
 * `--tracker=URL`, and stops at `--`.
 */
export function repeatedFlag(rawArgs: readonly string[], name: string): string[] {
  const flag = `--${name}`;
  const values: string[] = [];
  for (let i = 0; i < rawArgs.length && rawArgs[i] !== '--'; i++) {
    const arg = rawArgs[i] as string;
    if (arg.startsWith(`${flag}=`)) values.push(arg.slice(flag.length + 1));
    else if (arg === flag && i + 1 < rawArgs.length) values.push(rawArgs[++i] as string);
  }
  return values;
}
