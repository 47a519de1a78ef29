import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { originReader } from '../../src/kernel/forwarded.js';

const TRUSTED = ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'];

describe('the origin of a request behind proxies', () => {
  const read = originReader(TRUSTED, 'client-cert');
  const originOf = (
    headers: Record<string, string>,
    peer = '127.0.0.1',
  ): { address: string; host: string } => {
    const request = { headers: { host: 'inner', ...headers }, socket: { remoteAddress: peer } };
    const { address, host } = read(request as unknown as IncomingMessage);
    return { address, host };
  };
  const addressOf = (forwardedFor: string, peer?: string): string =>
    originOf({ 'x-forwarded-for': forwardedFor }, peer).address;

  for (const [what, hops, address] of [
    ['a hop with a port', '6.6.6.6, 1.2.3.4:5678', '1.2.3.4'],
    ['an IPv6 hop in brackets', '6.6.6.6, [2001:db8::1]', '2001:db8::1'],
    ['an IPv6 hop in brackets with a port', '6.6.6.6, [2001:db8::1]:443', '2001:db8::1'],
    ['an IPv6 hop without brackets', '6.6.6.6, 2001:db8::1', '2001:db8::1'],
    ['an IPv4 address that is mapped into IPv6', '6.6.6.6, [::ffff:1.2.3.4]:80', '1.2.3.4'],
    ['trusted hops with ports on the way', '1.2.3.4, 10.0.0.1:80, [fd00::1]:80', '1.2.3.4'],
  ] as const)
    it(`reads ${what} [SEC-R26]`, () => assert.equal(addressOf(hops), address));

  for (const hop of ['unknown', '_hidden', '1.2.3.4:port', '[::1', '1.2.3', '', '1.2.3.4 5.6.7.8'])
    it(`ends the walk at the last trusted hop where it cannot read ${JSON.stringify(hop)}`, () => {
      assert.equal(addressOf(`6.6.6.6, ${hop}`), '127.0.0.1');
      assert.equal(addressOf(`6.6.6.6, ${hop}, 10.0.0.1`), '10.0.0.1');
    });

  it('takes the last forwarded host, which the proxy wrote itself [SEC-R26]', () => {
    assert.equal(originOf({ 'x-forwarded-host': 'evil.example, id.example.com' }).host, 'id.example.com');
    assert.equal(originOf({ 'x-forwarded-host': 'id.example.com' }).host, 'id.example.com');
    assert.equal(originOf({}).host, 'inner');
  });

  it('believes neither from a stranger', () => {
    const heard = originOf({ 'x-forwarded-for': '6.6.6.6', 'x-forwarded-host': 'evil.example' }, '1.2.3.4');
    assert.deepEqual(heard, { address: '1.2.3.4', host: 'inner' });
  });
});
