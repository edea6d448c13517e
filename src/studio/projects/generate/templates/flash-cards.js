// The cards are in cards.js: each has a question, its answer and its source.
const cards = window.cards
const element = (id) => document.getElementById(id)
const card = element('card')

let deck = cards.map((_, index) => index)
let at = 0
let isTurned = false

function show() {
  const current = cards[deck[at]]
  const known = cards.length - deck.length
  element('status').textContent =
    current === undefined ? `All ${cards.length} cards known.` : `Card ${at + 1} of ${deck.length}, ${known} known`
  for (const id of ['before', 'again', 'known']) element(id).disabled = current === undefined
  card.dataset.side = isTurned ? 'back' : 'front'
  if (current === undefined) {
    card.textContent = 'Well done. Press to begin anew.'
    return
  }
  const side = document.createElement('span')
  side.innerHTML = isTurned ? current.back : current.front
  const from = document.createElement('small')
  from.textContent = isTurned ? current.from : 'Press to turn'
  card.replaceChildren(side, from)
}

function turn() {
  if (deck.length === 0) {
    deck = cards.map((_, index) => index)
    at = 0
    isTurned = false
  } else isTurned = !isTurned
  show()
}

function go(step) {
  if (deck.length === 0) return
  at = (at + step + deck.length) % deck.length
  isTurned = false
  show()
}

function takeOut() {
  deck.splice(at, 1)
  if (at >= deck.length) at = 0
  isTurned = false
  show()
}

card.addEventListener('click', turn)
element('before').addEventListener('click', () => go(-1))
element('again').addEventListener('click', () => go(1))
element('known').addEventListener('click', takeOut)
document.addEventListener('keydown', ({ key }) => {
  if (key === 'ArrowLeft') go(-1)
  else if (key === '1' || key === 'ArrowRight') go(1)
  else if (key === '2' && deck.length > 0) takeOut()
})
show()
