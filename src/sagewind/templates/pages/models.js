// Airflow's frame may not leave itself: have Airflow's own window follow the links that lead out of it.
addEventListener("click", event => {
  const link = event.target.closest("a[target=_top]")
  if (!link || parent === window) return
  event.preventDefault()
  const twin = parent.document.createElement("a")
  twin.href = link.href
  if (event.ctrlKey || event.metaKey) twin.target = "_blank"
  twin.click()
})
