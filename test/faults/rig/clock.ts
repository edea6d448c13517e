/**
 * Loaded into every process of the product before it starts: SIGUSR2 moves its clock by
 * `RIG_CLOCK_SHIFT_MS` (90 s ahead by default), and the next SIGUSR2 moves it back. Timers are not
 * affected, as with a real step of the clock.
 */
const stepMs = Number(process.env['RIG_CLOCK_SHIFT_MS'] ?? 90_000)
const RealDate = globalThis.Date
let shiftMs = 0

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + shiftMs] : args, newTarget) as Date,
  apply: () => new RealDate(RealDate.now() + shiftMs).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? () => RealDate.now() + shiftMs : (Reflect.get(target, name, receiver) as unknown),
})
process.on('SIGUSR2', () => {
  shiftMs = shiftMs === 0 ? stepMs : 0
})
