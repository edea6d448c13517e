import { isIP, isIPv6, SocketAddress } from 'node:net'

/**
 * Returns the network that counts as one address wherever something is limited by address: an IPv4
 * address, or the first 64 bits of an IPv6 address, as a single machine usually has all addresses
 * that begin with these. The network of a network, and of text that is no address, is itself.
 */
export function networkOf(text: string): string {
  const address = canonicalAddress(text)
  return isIPv6(address) ? `${groupsOf(address).slice(0, 4).join(':')}::/64` : address
}

/**
 * Returns an address without port, brackets and zone, in lower case, and an IPv6 address that stands
 * for an IPv4 address as that. Text that is no address is returned as it is.
 */
export function canonicalAddress(text: string): string {
  const address = isIP(text) === 0 ? (SocketAddress.parse(text)?.address ?? text) : text
  if (!isIPv6(address)) return address
  const groups = groupsOf(address)
  if (!ipv4Prefixes.has(groups.slice(0, 6).join(':'))) return hexadecimal(address)
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((value) => [value >> 8, value & 255])
    .join('.')
}

/** Of IPv4 addresses on a server that listens on IPv6 (`::ffff:0:0/96`), and of NAT64 (`64:ff9b::/96`). */
const ipv4Prefixes: ReadonlySet<string> = new Set(['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'])

/** Returns the eight groups of an IPv6 address, in hexadecimal without leading zeros. */
function groupsOf(address: string): readonly string[] {
  const [head = [], tail = []] = hexadecimal(address)
    .split('::')
    .map((side) => side.split(':').filter((group) => group !== ''))
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]
}

/** Returns the canonical form of an IPv6 address, without its zone and without IPv4 notation. */
function hexadecimal(address: string): string {
  return new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
}
