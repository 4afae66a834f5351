import { describe, expect, test } from 'bun:test';
import { isWithin, parseWeeklyHours, type WeeklyHours } from '../../src/lib/weekly-hours.ts';

/** By the machine's own time; 2026-11-23 is a Monday. */
const at = (day: number, hours: number, minutes = 0) => new Date(2026, 10, day, hours, minutes).getTime();
const hours = (text: string) => parseWeeklyHours(text) as WeeklyHours;

describe('parseWeeklyHours()', () => {
  test.each([
    '',
    'Mon',
    '8-18',
    'Mon-Fri',
    'Foo 08:00-18:00',
    'Mon 08:60-18:00',
    'Mon 08:00-25:00',
    '08:00-08:00',
  ])('refuses %p', (text) => expect(parseWeeklyHours(text)).toBeUndefined());
});

describe('isWithin()', () => {
  test('from the first minute to the one before the last, on the days named', () => {
    const week = hours('Mon-Fri 08:00-18:00');
    expect(
      [at(23, 7, 59), at(23, 8), at(27, 17, 59), at(27, 18), at(28, 12)].map((ms) => isWithin(week, ms)),
    ).toEqual([...[false, true, true, false, false]]);
  });

  test('a single day, and all of them', () => {
    expect([
      isWithin(hours('sat 9:00-24:00'), at(28, 23, 59)),
      isWithin(hours('sat 9:00-24:00'), at(29, 10)),
    ]).toEqual([true, false]);
    for (let day = 22; day < 29; day += 1) expect(isWithin(hours('09:00-10:00'), at(day, 9, 30))).toBe(true);
  });

  test('over midnight and over the end of the week', () => {
    const nights = hours('Fri-Sun 22:00-06:00');
    const times = [at(27, 21), at(27, 23), at(28, 5), at(30, 5), at(30, 23)];
    expect(times.map((ms) => isWithin(nights, ms))).toEqual([false, true, true, true, false]);
  });
});
