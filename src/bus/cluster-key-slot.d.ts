/** ioredis uses this package, which has no declarations of its own. */
declare module 'cluster-key-slot' {
  /** Returns the number of the slot of a key, from 0 to 16383. */
  // biome-ignore lint/style/noDefaultExport: the package has only this export
  export default function slotOf(key: string): number
}
