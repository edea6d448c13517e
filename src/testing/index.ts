/** The test kit: `tidings/testing`. */
export type { Recording } from '../recording.ts'
export { createTestTidings } from './create-test-tidings.ts'
export type { OperationOptions, TestClient } from './test-client.ts'
export type { TaskIdOf, TestEvent, TestFailure, TestTask, TestTaskCommon } from './test-task.ts'
export type { Faults, TestTidings, TestTidingsOptions } from './test-tidings.ts'
