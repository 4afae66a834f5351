/** Byte counts for people: "1.5 GiB". Binary units (IEC 80000-13), three significant figures where there is a fraction. */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would be rounded to 1024 of a unit is one of the next.
  while (Math.round(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const rounded = Number(value.toPrecision(3));
  const digits = unit === 0 || rounded >= 100 ? 0 : rounded >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
