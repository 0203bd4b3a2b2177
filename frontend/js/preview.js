// While one writes into a form with [data-preview], what its button with formtarget shows in a frame keeps up.
// The frame is a new one each time: the way back of the browser would lead through every state of an old one.
import { closestTo } from './dom.js'

const PAUSE = 500
const timers = new WeakMap()

function renewFrame(name) {
  const frame = document.querySelector(`iframe[name="${name}"]`)
  const fresh = frame.cloneNode()
  fresh.removeAttribute('src')
  frame.replaceWith(fresh)
}

function refresh(form) {
  const button = form.querySelector('button[formtarget]')
  renewFrame(button.formTarget)
  form.requestSubmit(button)
}

document.addEventListener('input', (event) => {
  const form = closestTo(event, '[data-preview]')
  if (!form) return
  window.clearTimeout(timers.get(form))
  timers.set(form, window.setTimeout(() => refresh(form), PAUSE))
})
