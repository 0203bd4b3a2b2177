// While a form is on its way: its button is off, and says what is going on (data-busy).
const idle = new WeakMap()
const DOWNLOAD_PAUSE = 3000

function findButton(form, submitter) {
  return submitter ?? form.querySelector('button[type=submit], button:not([type])')
}

function showBusy(button) {
  if (!button || idle.has(button)) return
  idle.set(button, [...button.childNodes])
  button.setAttribute('aria-busy', 'true')
  // Off after this event: a disabled button's name and value would not be sent.
  window.setTimeout(() => {
    if (idle.has(button)) button.disabled = true
  })
  if (!button.dataset.busy) return
  const ring = Object.assign(document.createElement('span'), { className: 'spinner' })
  ring.setAttribute('aria-hidden', 'true')
  button.replaceChildren(ring, button.dataset.busy)
}

function showIdle(button) {
  const content = idle.get(button)
  if (!content) return
  idle.delete(button)
  button.replaceChildren(...content)
  button.removeAttribute('aria-busy')
  button.disabled = false
}

document.addEventListener('submit', (event) => {
  const button = findButton(event.target, event.submitter)
  if (event.target.matches('dialog form, [data-no-busy]')) return
  showBusy(button)
  // A download leaves the page where it is, and no event tells its end.
  if (event.target.matches('[data-download]')) window.setTimeout(() => showIdle(button), DOWNLOAD_PAUSE)
})

document.addEventListener('htmx:afterRequest', (event) => {
  const source = event.detail.elt
  for (const button of source.querySelectorAll('button[aria-busy]')) showIdle(button)
})

// Back from the browser's page cache: the page is as it was left, with its buttons off.
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return
  for (const button of document.querySelectorAll('button[aria-busy]')) showIdle(button)
})
