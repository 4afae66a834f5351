/** Spans of time for people: "3 d 4 h", "12 min", "45 s". Two units at most. */
export function formatDuration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  const [name, size] = units[first] ?? ['s', 1];
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  const head = `${Math.floor(seconds / size)} ${name}`;
  return next && rest > 0 ? `${head} ${rest} ${next[0]}` : head;
}
