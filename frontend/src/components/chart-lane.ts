// What is drawn on the canvas beside the line: a lane above the plot with a row for each kind of non-finite value, and the first bad step.
// Each kind has its own shape and its name in the gutter, so that colour is never the only cue.

import type uPlot from 'uplot';
import { type Kind, KIND_LABEL, type Mark } from '../plotdata';

const ROW_PX = 16;
/** Keeps the lowest row clear of the topmost tick label. */
const CLEAR_PX = 6;
const SHAPE_PX = 9;
const FONT = '11px Roboto, "Helvetica Neue", sans-serif';

export interface Ink {
  accent: string;
  accentText: string;
  muted: string;
  ground: string;
}

/** Of the lane above the plot, for so many rows. */
export function laneHeight(rows: number): number {
  return rows > 0 ? rows * ROW_PX + CLEAR_PX : 0;
}

export function drawLane(u: uPlot, marks: readonly Mark[], kinds: readonly Kind[], ink: Ink): void {
  kinds.forEach((kind, row) => {
    const top = u.bbox.top / devicePixelRatio - (kinds.length - row) * ROW_PX - CLEAR_PX;
    drawRow(u, marks.filter((mark) => mark.kind === kind), kind, top + ROW_PX / 2, ink);
  });
}

function drawRow(u: uPlot, marks: readonly Mark[], kind: Kind, middle: number, ink: Ink): void {
  const left = u.bbox.left / devicePixelRatio;
  const right = left + u.bbox.width / devicePixelRatio;
  pen(u, (ctx) => {
    ctx.fillStyle = ink.muted;
    ctx.textAlign = 'right';
    ctx.fillText(KIND_LABEL[kind], left - 8, middle);
    ctx.fillStyle = ink.accent;
    let free = -Infinity;
    for (const mark of marks) {
      const [from, to] = [at(u, mark.step), at(u, mark.stepEnd)];
      if (to < left - 1 || from > right + 1) continue;
      ctx.fillRect(Math.max(left, from), middle - 0.5, Math.max(1, Math.min(right, to) - from), 1);
      if (from < free) continue;
      shape(ctx, kind, Math.max(left, from), middle);
      free = from + SHAPE_PX + 2;
    }
  });
}

export function drawFirstBad(u: uPlot, step: number, label: string, laneRows: number, ink: Ink): void {
  const x = at(u, step);
  const left = u.bbox.left / devicePixelRatio;
  const [top, width, height] = [u.bbox.top, u.bbox.width, u.bbox.height].map((size) => size / devicePixelRatio) as [number, number, number];
  if (x < left - 1 || x > left + width + 1) return;
  pen(u, (ctx) => {
    ctx.strokeStyle = ink.accent;
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(x, top - laneHeight(laneRows));
    ctx.lineTo(x, top + height);
    ctx.stroke();
    const size = ctx.measureText(label).width + 10;
    const start = x + 6 + size < left + width ? x + 6 : x - 6 - size;
    ctx.fillStyle = ink.ground;
    ctx.fillRect(start, top + 4, size, 16);
    ctx.fillStyle = ink.accentText;
    ctx.fillText(label, start + 5, top + 12.5);
  });
}

export function drawNothingFinite(u: uPlot, ink: Ink): void {
  pen(u, (ctx) => {
    ctx.fillStyle = ink.muted;
    ctx.textAlign = 'center';
    const [x, y] = [u.bbox.left + u.bbox.width / 2, u.bbox.top + u.bbox.height / 2];
    ctx.fillText('No finite value in these steps', x / devicePixelRatio, y / devicePixelRatio);
  });
}

/** A triangle for NaN, an arrow up for +Inf, an arrow down for -Inf. */
function shape(ctx: CanvasRenderingContext2D, kind: Kind, x: number, y: number): void {
  const half = SHAPE_PX / 2;
  const flip = kind === 'neginf' ? -1 : 1;
  ctx.beginPath();
  if (kind === 'nan') {
    polygon(ctx, [[x, y - half], [x + half, y + half], [x - half, y + half]]);
  } else {
    const points: [number, number][] = [[0, -6], [4, -1], [1.2, -1], [1.2, 6], [-1.2, 6], [-1.2, -1], [-4, -1]];
    polygon(ctx, points.map(([dx, dy]) => [x + dx, y + dy * flip]));
  }
  ctx.fill();
}

function polygon(ctx: CanvasRenderingContext2D, points: [number, number][]): void {
  points.forEach(([x, y], index) => (index === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
  ctx.closePath();
}

/** The x position of a step, in CSS pixels of the canvas. */
function at(u: uPlot, step: number): number {
  return u.valToPos(step, 'x', true) / devicePixelRatio;
}

function pen(u: uPlot, draw: (ctx: CanvasRenderingContext2D) => void): void {
  u.ctx.save();
  u.ctx.scale(devicePixelRatio, devicePixelRatio);
  u.ctx.font = FONT;
  u.ctx.textAlign = 'left';
  u.ctx.textBaseline = 'middle';
  draw(u.ctx);
  u.ctx.restore();
}
