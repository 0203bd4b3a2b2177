// [data-confirm="Question"] on a button or link: asks in a <dialog> before the click goes through.
// data-confirm-yes names the button that does it, data-confirm-title the heading.
import { closestTo } from './dom.js'

const confirmed = new WeakSet()

function fill(dialog, name, text) {
  const place = dialog.querySelector(`[data-${name}]`)
  place.dataset.standard ??= place.textContent
  place.textContent = text ?? place.dataset.standard
}

function ask(dialog, source) {
  fill(dialog, 'title', source.dataset.confirmTitle)
  fill(dialog, 'question', source.dataset.confirm)
  fill(dialog, 'yes', source.dataset.confirmYes)
  dialog.returnValue = ''
  dialog.showModal()
  dialog.addEventListener('close', () => dialog.returnValue === 'yes' && proceed(source), { once: true })
}

function proceed(source) {
  confirmed.add(source)
  source.click()
  confirmed.delete(source)
}

document.addEventListener(
  'click',
  (event) => {
    const source = closestTo(event, '[data-confirm]')
    const dialog = document.getElementById('confirm')
    if (!source || !dialog || confirmed.has(source)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    ask(dialog, source)
  },
  { capture: true },
)
