// A shown key, [data-secret]: groups it for the eye, copies it, and puts the mask back when its time is over.
// The value lives in the page only; the mask waits in the element's own <template data-mask>.
import htmx from 'htmx.org/dist/htmx.esm.js'
import { closestTo, onElements } from './dom.js'

const GROUP = /.{1,4}/g

function findValue(secret) {
  return secret.querySelector('[data-secret-value]')
}

function groupDigits(place) {
  const groups = place.textContent.trim().match(GROUP) ?? []
  place.replaceChildren(
    ...groups.map((text) => Object.assign(document.createElement('span'), { className: 'key-group', textContent: text })),
  )
}

function maskSecret(secret) {
  if (!secret.isConnected) return
  const hadFocus = secret.contains(document.activeElement)
  const slot = secret.querySelector('template[data-mask]').content.firstElementChild.cloneNode(true)
  secret.replaceWith(slot)
  htmx.process(slot)
  if (hadFocus) slot.querySelector('button')?.focus()
}

function startClock(secret) {
  const clock = secret.querySelector('[data-secret-clock]')
  const end = performance.now() + 1000 * Number(secret.dataset.seconds || 30)
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000)
    if (clock) clock.textContent = `${Math.max(left, 0)} s`
    if (left <= 0 || !secret.isConnected) window.clearInterval(timer)
    if (left <= 0) maskSecret(secret)
  }
  const timer = window.setInterval(tick, 250)
  tick()
}

onElements('[data-secret]', (secret) => {
  groupDigits(findValue(secret))
  startClock(secret)
})

async function copySecret(secret) {
  const { copied, copyFailed } = secret.dataset
  const text = await navigator.clipboard.writeText(findValue(secret).textContent).then(
    () => copied,
    () => copyFailed,
  )
  secret.querySelector('[data-secret-feedback]').textContent = text
}

document.addEventListener('click', (event) => {
  if (closestTo(event, '[data-secret-copy]')) copySecret(closestTo(event, '[data-secret]'))
  if (closestTo(event, '[data-secret-hide]')) maskSecret(closestTo(event, '[data-secret]'))
})

// The browser may keep the left page in memory, and show it again.
window.addEventListener('pagehide', () => document.querySelectorAll('[data-secret]').forEach(maskSecret))
