/** A node of an equation: an element of MathML or of Word's equations (OMML), without its prefix. */
export interface MathNode {
  readonly name: string
  readonly text: string
  readonly children: readonly MathNode[]
  /** Value of an attribute; undefined when it is missing. */
  attribute(name: string): string | undefined
}

/** Parts of these elements, by position (MathML) or by name (OMML), and how they are written. */
type Write = (part: (name: string | number) => string, node: MathNode) => string

const group = (text: string): string => (/^(\w+|.)?$/u.test(text) ? text : `(${text})`)
const over = (sign: string, low: string, high: string): string =>
  `${sign}${low === '' ? '' : `_${group(low)}`}${high === '' ? '' : `^${group(high)}`}`

const writers: Readonly<Record<string, Write>> = {
  // MathML
  mfrac: (part) => `${group(part(0))}/${group(part(1))}`,
  msup: (part) => over(part(0), '', part(1)),
  msub: (part) => over(part(0), part(1), ''),
  msubsup: (part) => over(part(0), part(1), part(2)),
  munder: (part) => over(part(0), part(1), ''),
  mover: (part) => over(part(0), '', part(1)),
  munderover: (part) => over(part(0), part(1), part(2)),
  msqrt: (_, node) => `√(${inside(node)})`,
  mroot: (part) => `${group(part(1))}√(${part(0)})`,
  mtr: (_, { children }) => children.map(writeMath).join(', '),
  mtable: (_, { children }) => `[${children.map(writeMath).join('; ')}]`,
  mspace: () => ' ',
  annotation: () => '',
  'annotation-xml': () => '',
  // OMML
  f: (part) => `${group(part('num'))}/${group(part('den'))}`,
  sSup: (part) => over(part('e'), '', part('sup')),
  sSub: (part) => over(part('e'), part('sub'), ''),
  sSubSup: (part) => over(part('e'), part('sub'), part('sup')),
  sPre: (part) => `${over('', part('sub'), part('sup'))}${part('e')}`,
  rad: (part) => `${group(part('deg'))}√(${part('e')})`,
  nary: (part, node) => `${over(property(node, 'chr') ?? '∫', part('sub'), part('sup'))} ${part('e')}`,
  limLow: (part) => over(part('e'), part('lim'), ''),
  limUpp: (part) => over(part('e'), '', part('lim')),
  func: (part) => `${part('fName')} ${part('e')}`,
  acc: (part, node) => `${part('e')}${property(node, 'chr') ?? '\u0302'}`,
  d: (_, node) => {
    const inner = node.children.filter(({ name }) => name === 'e').map(inside)
    return `${property(node, 'begChr') ?? '('}${inner.join(property(node, 'sepChr') ?? '|')}${property(node, 'endChr') ?? ')'}`
  },
  m: (_, { children }) =>
    `[${children
      .filter(({ name }) => name === 'mr')
      .map(writeMath)
      .join('; ')}]`,
  mr: (_, { children }) => children.map(writeMath).join(', '),
  eqArr: (_, { children }) =>
    children
      .map(writeMath)
      .filter((line) => line !== '')
      .join('; '),
}

/** The properties of an OMML element are in a child such as `naryPr`. */
function property({ children }: MathNode, name: string): string | undefined {
  const properties = children.find((child) => child.name.endsWith('Pr'))
  return properties?.children.find((child) => child.name === name)?.attribute('val')
}

function inside({ children, text }: MathNode): string {
  if (children.length === 0) return text
  return children.map(writeMath).reduce((before, after, index) => {
    // An exponent and the letter behind it would be one word, as would a letter and a numerator.
    const isApart =
      writers[children[index - 1]?.name ?? ''] !== undefined || /^m?f(rac)?$/.test(children[index]?.name ?? '')
    return isApart && /[\p{L}\p{N}]$/u.test(before) && /^[\p{L}\p{N}]/u.test(after)
      ? `${before} ${after}`
      : before + after
  }, '')
}

/** Writes an equation on one line, such as `x = (-b±√(b^2-4ac))/2a`. */
export function writeMath(node: MathNode): string {
  if (/[a-z]Pr$/.test(node.name)) return ''
  const write = writers[node.name]
  if (write === undefined) return inside(node)
  const part = (name: string | number): string => {
    const child =
      typeof name === 'number' ? node.children[name] : node.children.find((element) => element.name === name)
    return child === undefined ? '' : writeMath(child).trim()
  }
  return write(part, node)
}
