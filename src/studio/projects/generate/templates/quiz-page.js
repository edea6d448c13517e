// The questions are in questions.js: each has a prompt, its options and the correct answers.
const questions = window.questions
const form = document.getElementById('quiz')
const status = document.getElementById('status')

const plain = (text) => text.trim().toLowerCase().replace(/\s+/g, ' ')

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

for (const [index, { prompt, options }] of questions.entries()) {
  const name = `question-${index}`
  const choices = options.map(({ key, html }) =>
    make('label', {}, make('input', { type: 'radio', name, value: key }), make('span', { innerHTML: html })),
  )
  if (choices.length === 0) {
    const field = make('input', { type: 'text', name, autocomplete: 'off' })
    field.setAttribute('aria-label', `Answer to question ${index + 1}`)
    choices.push(field)
  }
  form.append(make('fieldset', {}, make('legend', { innerHTML: `${index + 1}. ${prompt}` }), ...choices))
}
form.append(make('button', { type: 'submit', textContent: 'See how I did' }))
status.textContent = `${questions.length} questions`

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const given = new FormData(form)
  let right = 0
  for (const [index, fieldset] of [...form.querySelectorAll('fieldset')].entries()) {
    const { answers, explanation } = questions[index]
    const answer = plain(String(given.get(`question-${index}`) ?? ''))
    const isRight = answers.some((one) => plain(one) === answer)
    if (isRight) right += 1
    fieldset.dataset.right = String(isRight)
    for (const choice of fieldset.querySelectorAll('input[type="radio"]'))
      choice.closest('label').dataset.right = String(answers.includes(choice.value))
    const isWritten = fieldset.querySelector('input[type="text"]') !== null
    const word = isRight ? 'Right.' : isWritten ? `Not quite: ${answers[0]}.` : 'Not quite.'
    fieldset.querySelector('.answer')?.remove()
    const why = make('span', { innerHTML: explanation })
    fieldset.append(make('p', { className: 'answer' }, make('strong', { textContent: `${word} ` }), why))
  }
  status.textContent = `${right} of ${questions.length} right`
  window.scrollTo({ top: 0 })
})
