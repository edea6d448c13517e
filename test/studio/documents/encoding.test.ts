import { describe, expect, test } from 'vitest'
import { decodeHtml } from '../../../src/studio/documents/convert/html.ts'
import { decodeText, detectFormat } from '../../../src/studio/documents/structure/structure-decode.ts'
import { encodeText } from '../../support/encode.ts'

const russian = 'Вода в реке поднялась на два метра за одну неделю. Дождь продолжится, сообщает отчёт.'
const japanese = '川の水位は一週間で二メートル上がりました。来週も雨が続く見込みです。'
const texts: readonly (readonly [encoding: string, text: string])[] = [
  ['windows-1251', russian],
  ['koi8-r', russian],
  ['ibm866', russian],
  ['iso-8859-5', russian],
  ['shift_jis', japanese],
  ['euc-jp', japanese],
  ['euc-kr', '강물이 일주일 동안 이 미터 올랐습니다. 다음 주에도 비가 계속 내릴 것으로 보입니다.'],
  ['gb18030', '河水在一个星期内上涨了两米。预计下个星期还会继续下雨。'],
  ['big5', '河水在一個星期內上漲了兩公尺。預計下個星期還會繼續下雨。'],
  ['windows-874', 'ระดับน้ำในแม่น้ำสูงขึ้นสองเมตรในหนึ่งสัปดาห์ คาดว่าฝนจะตกต่อไปในสัปดาห์หน้า'],
  ['windows-1250', 'Poziom wody w rzece podniósł się o dwa metry w ciągu tygodnia. Deszcz będzie padał dalej.'],
  ['windows-1252', 'Das Wasser im Fluß stieg in einer Woche um zwei Meter. Es wird für Tage weiter regnen, heißt es.'],
  ['iso-8859-7', 'Η στάθμη του ποταμού ανέβηκε δύο μέτρα σε μία εβδομάδα. Αναμένεται κι άλλη βροχή.'],
  ['windows-1255', 'מפלס הנהר עלה בשני מטרים בשבוע אחד. הגשם צפוי להימשך גם בשבוע הבא.'],
  ['windows-1256', 'ارتفع منسوب النهر مترين خلال أسبوع واحد. ومن المتوقع أن يستمر المطر في الأسبوع القادم.'],
]

describe('a text that does not say its encoding', () => {
  test.each(texts)('is read when it is in %s, with the guess in its notes', (encoding, text) => {
    const bytes = encodeText(encoding, `# ${text}\n\n${text}\n`)
    expect(detectFormat('a.txt', bytes)).toBe('PLAIN_TEXT')
    expect(decodeText(bytes)).toEqual({
      text: `# ${text}\n\n${text}\n`,
      notes: [`The document does not say its encoding; it was read as ${encoding}, which is a guess.`],
    })
  })

  test.each(texts.slice(0, 6))('is read when it is a page in %s', (encoding, text) => {
    const page = `<!doctype html><title>A page</title><body><p>${text}</p></body>`
    const bytes = encodeText(encoding, page)
    expect(detectFormat('a.html', bytes)).toBe('HTML')
    expect(decodeHtml(bytes).text).toBe(page)
  })

  test('is read when it is in ISO-2022-JP', () => {
    const jis = Buffer.from(encodeText('euc-jp', japanese)).map((byte) => byte & 0x7f)
    const bytes = Buffer.concat([Buffer.from('# ASCII \x1b$B', 'latin1'), jis, Buffer.from('\x1b(B\n', 'latin1')])
    expect(decodeText(bytes)).toEqual({
      text: `# ASCII ${japanese}\n`,
      notes: ['The document does not say its encoding; it was read as iso-2022-jp.'],
    })
  })

  test('is detected by a single line in a long text of ASCII', () => {
    const text = `${'An English line.\n'.repeat(10_000)}${russian}\n`
    expect(decodeText(encodeText('koi8-r', text)).text).toBe(text)
  })
})

describe('the encoding that a page declares', () => {
  const page = `<html xmlns="http://www.w3.org/1999/xhtml"><body><p>${russian}</p></body></html>`

  test('is taken from its XML declaration', () => {
    const text = `<?xml version="1.0" encoding="windows-1251"?>\n${page}`
    expect(decodeHtml(encodeText('windows-1251', text))).toEqual({ text, notes: [] })
  })

  test('is taken from its meta element when both declare one', () => {
    const text = `<?xml version="1.0" encoding="windows-1252"?>\n${page.replace('<body>', '<head><meta charset="koi8-r"/></head><body>')}`
    expect(decodeHtml(encodeText('koi8-r', text))).toEqual({ text, notes: [] })
  })
})

test.each([
  [
    'random bytes without zeros',
    Buffer.from(Array.from({ length: 5_000 }, (_, index) => ((index * index * 7919) % 255) + 1)),
  ],
  ['random bytes with zeros', Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * index * 7919) % 256))],
])('refuses %s as binary', (_, bytes) => {
  expect(() => detectFormat('a.md', bytes)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }))
})
