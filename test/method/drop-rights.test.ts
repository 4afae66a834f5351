import { describe, expect, test } from 'bun:test';
import { accountOf } from '../../src/method/drop-rights.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
_apt2:x:43:1::/:/bin/false
broken:x:abc:1::/:/bin/false
`;

describe('accountOf()', () => {
  test('user, group and home as passwd(5) has them', () => {
    expect(accountOf('_apt', PASSWD)).toEqual({ uid: 42, gid: 65534, home: '/nonexistent' });
  });

  test.each(['apt', '_ap', 'broken', ''])('nobody by the name "%s"', (name) => {
    expect(accountOf(name, PASSWD)).toBeUndefined();
  });
});
