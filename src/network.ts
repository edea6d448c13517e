/**
 * Returns the network that counts as one address wherever something is limited by address: an IPv4
 * address, or the first 64 bits of an IPv6 address, as a single machine usually has all addresses
 * that begin with these. The network of a network is itself.
 */
export function networkOf(address: string): string {
  const text = unmapped(address)
  if (!text.includes(':')) return text
  const [head = '', tail] = text.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return `${groups.map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')}::/64`
}

/**
 * Returns an address without the prefix that an IPv4 address has on a server that listens on IPv6.
 */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
