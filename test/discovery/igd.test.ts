import { describe, expect, test } from 'bun:test';
import { serviceIn } from '../../src/discovery/igd.ts';
import { placeOf } from '../../src/discovery/ssdp.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

const PLACE = 'http://192.168.1.1:5000/root.xml';

function described(...services: (readonly [type: string, url: string])[]): string {
  const inner = services.map(
    ([type, url]) => `<service>\n<serviceType>urn:schemas-upnp-org:service:${type}</serviceType>
<controlURL> ${url} </controlURL></service>`,
  );
  return `<root><device><serviceList>${inner.join('')}</serviceList></device></root>`;
}

describe('serviceIn()', () => {
  test('takes the Internet side, the newest kind first', () => {
    const xml = described(
      ['Layer3Forwarding:1', '/no'],
      ['WANPPPConnection:1', '/ppp'],
      ['WANIPConnection:1', '/one'],
      ['WANIPConnection:2', '/two?a=1&amp;b=2'],
    );
    expect(serviceIn(xml, PLACE)).toEqual({
      type: 'urn:schemas-upnp-org:service:WANIPConnection:2',
      controlUrl: 'http://192.168.1.1:5000/two?a=1&b=2',
    });
  });

  test('goes by URLBase, on the same host only', () => {
    const withBase = (base: string) =>
      described(['WANIPConnection:1', 'ctl']).replace('<root>', `<root><URLBase>${base}</URLBase>`);
    expect(serviceIn(withBase('http://192.168.1.1:49152/x/'), PLACE).controlUrl).toBe(
      'http://192.168.1.1:49152/x/ctl',
    );
    expect(() => serviceIn(withBase('http://192.168.1.2/'), PLACE)).toThrow(ProtocolError);
  });

  test('throws ProtocolError for anything else, in time', () => {
    const bombs = ['', '<root/>', '<service>'.repeat(14_000), '<'.repeat(131_072), ' '.repeat(131_072)];
    bombs.push(`<serviceType${' a'.repeat(60_000)}`, described(['WANIPConnection:9', '/x']));
    for (const xml of bombs) expect(() => serviceIn(xml, PLACE)).toThrow(ProtocolError);
  });
});

describe('placeOf()', () => {
  const answer = (more: string) =>
    `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n${more}\r\n\r\n`;

  test('is the place on the sender itself', () => {
    expect(placeOf(answer(`LOCATION: ${PLACE}`), '192.168.1.1')).toBe(PLACE);
    expect(placeOf(answer(`location:${PLACE}`), '192.168.1.1')).toBe(PLACE);
    expect(placeOf(answer(`LOCATION: ${PLACE}`), '192.168.1.2')).toBeUndefined();
  });

  test('is nothing for other devices, and for what is no answer', () => {
    const other = answer(`LOCATION: ${PLACE}`).replace('InternetGatewayDevice', 'MediaServer');
    for (const text of [
      other,
      'NOTIFY * HTTP/1.1\r\n\r\n',
      '',
      '\0\0',
      answer(''),
      answer('LOCATION: http://'),
    ])
      expect(placeOf(text, '192.168.1.1')).toBeUndefined();
  });
});
