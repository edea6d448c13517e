import { expect, test } from 'vitest'
import { snippetOfHeadline, snippetOfTerms } from '../../../src/studio/documents/snippet.ts'

test('shows the text as it is written, where its folded form was marked', () => {
  expect(
    snippetOfHeadline('Das Café in der Großen Straße ist zu.', 'das \u0001cafe\u0002 in … \u0001strasse\u0002 ist'),
  ).toEqual([
    { text: 'Das ', isMatch: false },
    { text: 'Café', isMatch: true },
    { text: ' in … ', isMatch: false },
    { text: 'Straße', isMatch: true },
    { text: ' ist', isMatch: false },
  ])
})

test('shows a folded fragment that does not occur in the text', () => {
  expect(snippetOfHeadline('A <b>loaf</b>', 'a  \u0001loaf\u0002 ')).toEqual([
    { text: 'a  ', isMatch: false },
    { text: 'loaf', isMatch: true },
    { text: ' ', isMatch: false },
  ])
})

test('marks every occurrence of the terms around the first', () => {
  expect(snippetOfTerms('私は東京に住み、東京で働く。', ['東京', '働'])).toEqual([
    { text: '私は', isMatch: false },
    { text: '東京', isMatch: true },
    { text: 'に住み、', isMatch: false },
    { text: '東京', isMatch: true },
    { text: 'で', isMatch: false },
    { text: '働', isMatch: true },
    { text: 'く。', isMatch: false },
  ])
  expect(snippetOfTerms('大阪', ['東京'])).toBeUndefined()
})
