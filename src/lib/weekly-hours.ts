/**
 * Hours of the week as people write them: "Mon-Fri 08:00-18:00", "Sat 9:00-12:30", or without days for all of them. Hours
 * that end before they begin go on after midnight; days may go over the week's end ("Fri-Mon"). Pure: what time it is,
 * by the machine's own clock, is handed in.
 */
export interface WeeklyHours {
  /** 0 = Sunday, as Date has them: those on which it begins. */
  readonly days: ReadonlySet<number>;
  /** Since midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MINUTES = 24 * 60;
const FORM = /^\s*(?:([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+)?(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*$/i;

/** Undefined when the text has another form, or means no time at all. */
export function parseWeeklyHours(text: string): WeeklyHours | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, first = 'sun', last = match[1] ?? 'sat', ...times] = match;
  const from = DAYS.indexOf(first.toLowerCase());
  const to = DAYS.indexOf(last.toLowerCase());
  const fromMinute = minuteOf(times[0], times[1]);
  const toMinute = minuteOf(times[2], times[3]);
  if (from < 0 || to < 0 || fromMinute === undefined || toMinute === undefined) return undefined;
  if (fromMinute === toMinute) return undefined;
  const count = ((to - from + 7) % 7) + 1;
  const days = new Set(Array.from({ length: count }, (_, i) => (from + i) % 7));
  return { days, fromMinute, toMinute };
}

export function isWithin({ days, fromMinute, toMinute }: WeeklyHours, wallMs: number): boolean {
  const date = new Date(wallMs);
  const minute = date.getHours() * 60 + date.getMinutes();
  const today = days.has(date.getDay());
  if (fromMinute < toMinute) return today && minute >= fromMinute && minute < toMinute;
  const yesterday = days.has((date.getDay() + 6) % 7);
  return (today && minute >= fromMinute) || (yesterday && minute < toMinute);
}

function minuteOf(hours: string | undefined, minutes: string | undefined): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && minute <= DAY_MINUTES ? minute : undefined;
}
