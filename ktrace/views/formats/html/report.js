"use strict";
// Sorts a table by the head that is clicked, and hides rows that do not hold the filter's words.
function key(row, column) {
	const cell = row.cells[column];
	return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent.toLowerCase();
}
document.addEventListener("click", (event) => {
	const head = event.target.closest("table.sortable th");
	if (!head) return;
	const descending = head.getAttribute("aria-sort") === "ascending";
	for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
	head.setAttribute("aria-sort", descending ? "descending" : "ascending");
	const body = head.closest("table").tBodies[0];
	const rows = [...body.rows].sort((a, b) => {
		const x = key(a, head.cellIndex), y = key(b, head.cellIndex);
		return (x < y ? -1 : x > y ? 1 : 0) * (descending ? -1 : 1);
	});
	body.append(...rows);
});
document.addEventListener("input", (event) => {
	if (!event.target.matches(".filter")) return;
	const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
	for (const row of event.target.parentNode.querySelectorAll("tbody tr")) {
		const text = row.textContent.toLowerCase();
		row.hidden = !words.every((word) => text.includes(word));
	}
});
