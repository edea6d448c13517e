import type { RateLimitClass } from '../../src/rate-limit-classes.ts'

/** The budget that each mutation uses, by the name of its result; all others use `changes`. */
const classes: Readonly<Record<string, RateLimitClass>> = {
  ImportDocument: 'uploads',
  ShareDocument: 'invitations',
  CreateSession: 'sessions',
  InviteToSession: 'invitations',
  JoinSession: 'invitations',
  SendMessage: 'messages',
  AddContextCard: 'messages',
  RemoveContextCard: 'messages',
  SetTyping: 'typing',
  Notify: 'notifications',
  SubmitQuiz: 'submissions',
}

/** Returns the budget that a mutation uses. @param result - the name of its result, such as `SendMessage` */
export function budgetOf(result: string): RateLimitClass {
  return classes[result] ?? 'changes'
}
