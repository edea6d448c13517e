/**
 * `tidings/environment`: the frame of a program: settings in environment variables, those of the engine and those that an application
 * adds, with help texts; the log; the end of the process. Loads nothing of the engine. `createTidings` takes the same settings as
 * options and reads no environment.
 */
export { type Config, contradictionsOf, parseConfig, settings } from './config.ts'
export { isTidingsError, TidingsError } from './errors.ts'
export { createLogger, type Logger } from './logger.ts'
export {
  choice,
  describeSettings,
  flag,
  listDefaults,
  number,
  optional,
  overrides,
  parseSettings,
  type Setting,
  type SettingValues,
  setting,
  text,
  url,
} from './settings.ts'
export { type Ending, endInOrder } from './signals.ts'
