/** The test kit: `tidings/testing`. */
export type { Recording } from '../recording.ts'
export { createTestTidings, type TestTidings, type TestTidingsOptions } from './create-test-tidings.ts'
export type { Faults } from './faults.ts'
export type { OperationOptions, TestClient } from './test-client.ts'
export type { TaskIdOf, TestEvent, TestFailure, TestTask, TestTaskCommon } from './test-task.ts'
