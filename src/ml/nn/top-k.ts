/** @file The `k` highest of many scores, exactly, without sorting the rest. */

/**
 * Indices of the `k` highest scores, best first, ties by ascending index. Fewer when there are not `k`; never `NaN`.
 *
 * @param isExcluded Indices to leave out. Default: none.
 */
export function topK(
  scores: ArrayLike<number>,
  k: number,
  isExcluded?: (index: number) => boolean,
): number[] {
  if (k <= 0) {
    return [];
  }
  // A binary heap with the worst selected score on top.
  const heap: number[] = [];
  const isWorse = (a: number, b: number) =>
    scores[a] < scores[b] || (scores[a] === scores[b] && a > b);
  for (let index = 0; index < scores.length; index++) {
    if (heap.length === k && !(scores[index] > scores[heap[0]])) {
      continue; // a tie goes to the lower index
    }
    if (Number.isNaN(scores[index]) || isExcluded?.(index)) {
      continue;
    }
    if (heap.length < k) {
      heap.push(index);
      siftUp(heap, isWorse);
    } else {
      heap[0] = index;
      siftDown(heap, isWorse);
    }
  }
  return heap.sort((a, b) => (isWorse(a, b) ? 1 : -1));
}

type Order = (a: number, b: number) => boolean;

function siftUp(heap: number[], isWorse: Order): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isWorse(heap[child], heap[parent])) {
      return;
    }
    [heap[child], heap[parent]] = [heap[parent], heap[child]];
    child = parent;
  }
}

function siftDown(heap: number[], isWorse: Order): void {
  let parent = 0;
  for (;;) {
    const left = 2 * parent + 1;
    const right = left + 1;
    let worst = parent;
    if (left < heap.length && isWorse(heap[left], heap[worst])) {
      worst = left;
    }
    if (right < heap.length && isWorse(heap[right], heap[worst])) {
      worst = right;
    }
    if (worst === parent) {
      return;
    }
    [heap[parent], heap[worst]] = [heap[worst], heap[parent]];
    parent = worst;
  }
}
