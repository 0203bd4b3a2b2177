/** Runs `action(element)` for each element that matches, now and in everything that htmx brings in later. */
import htmx from 'htmx.org/dist/htmx.esm.js'

export function onElements(selector, action) {
  htmx.onLoad((root) => {
    // What htmx brings may itself be the element.
    if (root.matches?.(selector)) action(root)
    for (const element of root.querySelectorAll(selector)) action(element)
  })
}

/** The element that matches around an event's target, or null. */
export function closestTo(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null
}
