export { exportReport } from '../http/tasks.ts'
