/**
 * How much earlier than now the tasks of a plan stand in line: a priority that starves nobody, as who has waited for that
 * long is overtaken by no newcomer.
 *
 * @param seconds - by plan; `*` is every plan that is not named
 * @param plan - of the token; null, as of those who pay nothing, has none
 */
export function headStartMsOf(seconds: Readonly<Record<string, number>>, plan: string | null): number {
  if (plan === null) return 0
  // Tokens may name a plan as they like, also like something that every object has.
  const own = Object.hasOwn(seconds, plan) ? seconds[plan] : seconds['*']
  return (own ?? 0) * 1_000
}
