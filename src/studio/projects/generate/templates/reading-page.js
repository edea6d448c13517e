// Shows the reading position, and changes the font size.
const status = document.getElementById('status')
const sections = [...document.querySelectorAll('main section')]
const words = document.querySelector('main').textContent.split(/\s+/).length
const minutes = Math.max(1, Math.round(words / 220))
status.textContent = `${minutes} ${minutes === 1 ? 'minute' : 'minutes'} to read`

let scale = 1
function resize(factor) {
  scale = Math.min(1.6, Math.max(0.8, scale * factor))
  document.documentElement.style.setProperty('--scale', String(scale))
}
document.getElementById('smaller').addEventListener('click', () => resize(1 / 1.1))
document.getElementById('larger').addEventListener('click', () => resize(1.1))

const links = new Map([...document.querySelectorAll('nav a')].map((link) => [link.getAttribute('href').slice(1), link]))
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(target.id)
      if (isIntersecting) link?.setAttribute('aria-current', 'true')
      else link?.removeAttribute('aria-current')
    }
  },
  { rootMargin: '-20% 0px -60% 0px' },
)
for (const section of sections) watcher.observe(section)
