/**
 * `tidings/environment`: settings in environment variables: those of the engine, and those that an application adds, with help texts.
 * `createTidings` takes the same settings as options and reads no environment.
 */
export { type Config, contradictionsOf, parseConfig, settings } from './config.ts'
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
