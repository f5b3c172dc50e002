// uPlot's options for one series. Colours are functions: they are read again at each drawing, so a change of theme needs no new chart.

import type uPlot from 'uplot';
import { figure, step as stepText } from '../figure';
import { extent, type Kind, type Plot } from '../plotdata';
import { linearRange, linearTicks, logRange, logTicks, type Span } from '../scale';
import { laneHeight } from './chart-lane';

export const HEIGHT = 190;
const GUTTER = 60;
const TICK_GAP = 34;

export interface View {
  plot: () => Plot;
  log: boolean;
  kinds: readonly Kind[];
  window: () => Span;
  sync: string;
  label: string;
  color: (name: string) => string;
  draw: (u: uPlot) => void;
  moved: (index: number | null) => void;
  zoomed: (window: Span | null) => void;
}

export function chartOptions(view: View, width: number): uPlot.Options {
  const lane = laneHeight(view.kinds.length);
  return {
    width,
    height: HEIGHT + lane,
    padding: [lane + 8, 14, 0, 0],
    legend: { show: false },
    scales: { x: { time: false, range: () => view.window() }, y: yScale(view) },
    axes: [xAxis(view), yAxis(view)],
    series: [{}, line(view), edge(), edge()],
    bands: [{ series: [3, 2], fill: () => view.color('--band') }],
    cursor: cursor(view),
    hooks: {
      draw: [view.draw],
      setCursor: [(u) => view.moved(u.cursor.idx ?? null)],
      setSelect: [(u) => selected(u, view)],
    },
  };
}

function yScale(view: View): uPlot.Scale {
  return {
    distr: view.log ? 3 : 1,
    range: () => (view.log ? logRange : linearRange)(extent(view.plot(), ...view.window())),
  };
}

function line(view: View): uPlot.Series {
  return {
    stroke: () => view.color('--series'),
    width: 1.25,
    spanGaps: false,
    points: { show: true, size: 5, fill: () => view.color('--series'), filter: () => view.plot().isolated },
  };
}

function edge(): uPlot.Series {
  return { stroke: 'transparent', width: 0, spanGaps: false, points: { show: false } };
}

function axis(view: View): uPlot.Axis {
  return {
    stroke: () => view.color('--muted'),
    font: '11px Roboto, "Helvetica Neue", sans-serif',
    grid: { stroke: () => view.color('--line'), width: 1 },
    ticks: { show: false },
  };
}

function xAxis(view: View): uPlot.Axis {
  return { ...axis(view), size: 26, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, ...thousands()], values: (_, splits) => splits.map(stepText) };
}

function thousands(): number[] {
  return Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** (power + 3))).flat();
}

function yAxis(view: View): uPlot.Axis {
  const wanted = Math.floor(HEIGHT / TICK_GAP);
  return {
    ...axis(view),
    size: GUTTER,
    // Without an increment that it accepts, uPlot drops the axis and never asks for splits; below 5 it accepts only its own.
    incrs: (_, __, low, high) => [Math.max(5, (high - low) / wanted)],
    space: 1,
    splits: (_, __, low, high) => (view.log ? logTicks : linearTicks)([low, high], wanted),
    filter: (_, splits) => splits,
    // The range of a window without a finite value is made up, so its ticks have no numbers.
    values: (_, splits) => (extent(view.plot(), ...view.window()) ? splits.map(figure) : splits.map(() => '')),
  };
}

function cursor(view: View): uPlot.Cursor {
  return {
    y: false,
    sync: { key: view.sync, setSeries: false },
    drag: { x: true, y: false, setScale: false },
    points: { size: 7, fill: () => view.color('--series') },
    bind: {
      dblclick: () => () => {
        view.zoomed(null);
        return null;
      },
    },
  };
}

function selected(u: uPlot, view: View): void {
  if (u.select.width < 4) return;
  const [from, to] = [u.select.left, u.select.left + u.select.width].map((left) => u.posToVal(left, 'x')) as Span;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  view.zoomed([from, to]);
}
