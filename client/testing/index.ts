/** Recorded tasks for tests of components, without a server: `tidings/testing/client`. */
export type { RecordedEvent, Recording } from '../../src/recording.ts'
export { type Replay, replay } from './replay.ts'
