const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const second = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })

const moment = new Intl.DateTimeFormat(undefined, {
  hour: 'numeric',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})

/** A point in time of the API, in RFC 3339, or a date. */
type Instant = string | Date

/** Formats the day only, for lists: `Nov 28, 2026`. */
export const formatDay = (at: Instant): string => day.format(new Date(at))

/** Formats day and minute: `Nov 28, 2026, 3:14 PM`. */
export const formatMinute = (at: Instant): string => minute.format(new Date(at))

/** Formats day and second, for logs and measurements. */
export const formatSecond = (at: Instant): string => second.format(new Date(at))

/** Formats the time of day with milliseconds, for events that follow each other closely. */
export const formatMoment = (at: Instant): string => moment.format(new Date(at))

/** Formats the time of day, where the day is evident. */
export const formatClock = (at: Instant): string => clock.format(new Date(at))
