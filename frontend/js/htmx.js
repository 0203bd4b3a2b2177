// htmx, without anything that evaluates text, writes styles or keeps pages in the browser's storage.
import htmx from 'htmx.org/dist/htmx.esm.js'

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  scrollIntoViewOnBoost: false,
  responseHandling: [
    { code: '204', swap: false },
    { code: '[23]..', swap: true },
    { code: '422', swap: true },
    { code: '[45]..', swap: false, error: true },
  ],
})

function findRequestError() {
  return document.getElementById('request-error')
}

function showRequestError(reason) {
  const box = findRequestError()
  if (!box) return
  box.querySelector('[data-text]').textContent = box.dataset[reason]
  box.hidden = false
}

function explainStatus(status) {
  if (status === 403) return 'forbidden'
  if (status === 404) return 'missing'
  if (status === 413) return 'large'
  return 'server'
}

document.addEventListener('htmx:beforeRequest', () => {
  const box = findRequestError()
  if (box) box.hidden = true
})
document.addEventListener('htmx:responseError', (event) => showRequestError(explainStatus(event.detail.xhr.status)))
document.addEventListener('htmx:sendError', () => showRequestError('network'))

// An expired session answers with the login page: show it as a page, not inside of the list.
document.addEventListener('htmx:beforeSwap', (event) => {
  const login = document.body.dataset.login
  const address = event.detail.xhr.responseURL
  if (!login || !address || new URL(address).pathname !== login) return
  event.detail.shouldSwap = false
  window.location.reload()
})

document.addEventListener('htmx:beforeRequest', (event) => event.detail.target?.setAttribute('aria-busy', 'true'))
document.addEventListener('htmx:afterRequest', (event) => event.detail.target?.removeAttribute('aria-busy'))
