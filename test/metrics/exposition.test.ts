import { expect, test } from 'bun:test';
import { exposition } from '../../src/metrics/exposition.ts';

test('exposition() writes help, type and samples, and leaves out what has none', () => {
  const text = exposition([
    { name: 'a_total', type: 'counter', help: 'What\nit \\ is', samples: [{ value: 1.5 }] },
    { name: 'b', type: 'gauge', help: 'Nothing', samples: [] },
    { name: 'c', type: 'gauge', help: 'Two', samples: [{ labels: { x: 'a"\\\n', y: '' }, value: 0 }] },
  ]);
  expect(text).toBe(
    '# HELP a_total What\\nit \\\\ is\n# TYPE a_total counter\na_total 1.5\n' +
      '# HELP c Two\n# TYPE c gauge\nc{x="a\\"\\\\\\n",y=""} 0\n',
  );
});
