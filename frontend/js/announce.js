// After a part of the page was replaced: says the result, and puts the focus where work goes on.
import { onElements } from './dom.js'

export function announce(text) {
  const region = document.getElementById('announcer')
  if (!region) return
  // Emptied first: the same sentence twice would not be read again.
  region.textContent = ''
  window.setTimeout(() => {
    region.textContent = text
  }, 50)
}

function isFocusLost() {
  return !document.activeElement || document.activeElement === document.body
}

document.addEventListener('htmx:afterSettle', (event) => {
  const region = event.detail.target
  if (!region?.isConnected) return
  const message = region.querySelector('[data-announce]')
  if (message) announce(message.textContent.trim().replace(/\s+/g, ' '))
  if (!isFocusLost() || !region.matches('[data-region]')) return
  region.tabIndex = -1
  region.focus({ preventScroll: true })
  if (region.getBoundingClientRect().top < 0) region.scrollIntoView()
})

// What comes by itself, without anybody having asked for it just now.
onElements('[data-announce-new]', (element) => announce(element.textContent.trim().replace(/\s+/g, ' ')))

// An error summary takes the focus when it appears.
onElements('[data-focus]', (element) => element.focus())
