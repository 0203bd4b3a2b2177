// A button that copies a text: [data-copy="text"]. What came of it (data-copied, data-copy-failed) is read out and stands
// on the button for a while; where the browser refuses, the field that shows the text is marked for the person to copy.
import { announce } from './announce.js'
import { closestTo } from './dom.js'

const SHOWN_FOR = 3000
const labels = new WeakMap()

function markField(text) {
  const fields = [...document.querySelectorAll('input[readonly]')]
  fields.find((field) => field.value === text)?.select()
}

function showOutcome(button, words) {
  if (!labels.has(button)) labels.set(button, [...button.childNodes])
  button.replaceChildren(words)
  announce(words)
  window.setTimeout(() => {
    const label = labels.get(button)
    labels.delete(button)
    if (label) button.replaceChildren(...label)
  }, SHOWN_FOR)
}

async function copyText(button) {
  const { copy: text, copied, copyFailed } = button.dataset
  try {
    await navigator.clipboard.writeText(text)
    showOutcome(button, copied)
  } catch {
    // Refused, or no clipboard at all: a page that came without TLS has none.
    markField(text)
    showOutcome(button, copyFailed)
  }
}

document.addEventListener('click', (event) => {
  const button = closestTo(event, '[data-copy]')
  if (button) copyText(button)
})
