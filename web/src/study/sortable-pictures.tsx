import {
  type Announcements,
  closestCenter,
  DndContext,
  KeyboardSensor,
  MouseSensor,
  type ScreenReaderInstructions,
  TouchSensor,
  type UniqueIdentifier,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import {
  arrayMove,
  rectSortingStrategy,
  SortableContext,
  sortableKeyboardCoordinates,
  useSortable,
} from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { ActionIcon, Group, Text } from "@mantine/core";
import { IconArrowLeft, IconArrowRight } from "@tabler/icons-react";
import { Picture } from "../shared/picture";
import classes from "./study.module.css";

export interface SortedPicture {
  id: string;
  name: string;
  url: string;
}

interface SortablePicturesProps {
  pictures: readonly SortedPicture[];
  /** Called with the ids in their new order. */
  onChange: (ids: string[]) => void;
}

const instructions: ScreenReaderInstructions = {
  draggable:
    "To move a picture, press space. Move it with the arrow keys, and press space again to leave it there, or escape to cancel.",
};

/** Pictures in an order that people change by dragging, by keys, or by buttons. */
export function SortablePictures({ onChange, pictures }: SortablePicturesProps) {
  const ids = pictures.map(({ id }) => id);
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 4 } }),
    useSensor(TouchSensor, { activationConstraint: { delay: 120, tolerance: 8 } }), // a swipe still scrolls
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const move = (from: number, to: number) => {
    if (from !== to && to >= 0 && to < ids.length) {
      onChange(arrayMove(ids, from, to));
    }
  };
  return (
    <DndContext
      sensors={sensors}
      collisionDetection={closestCenter}
      accessibility={{
        announcements: announcementsOf(pictures),
        screenReaderInstructions: instructions,
      }}
      onDragEnd={({ active, over }) => {
        if (over) {
          move(ids.indexOf(String(active.id)), ids.indexOf(String(over.id)));
        }
      }}
    >
      <SortableContext items={ids} strategy={rectSortingStrategy}>
        <ol className={classes.pictures} aria-describedby="how-to-sort">
          {pictures.map((picture, at) => (
            <SortablePicture
              key={picture.id}
              picture={picture}
              place={at + 1}
              count={pictures.length}
              onMove={by => {
                move(at, at + by);
              }}
            />
          ))}
        </ol>
      </SortableContext>
    </DndContext>
  );
}

interface SortablePictureProps {
  picture: SortedPicture;
  place: number;
  count: number;
  onMove: (by: -1 | 1) => void;
}

function SortablePicture({ count, onMove, picture, place }: SortablePictureProps) {
  const { id, name, url } = picture;
  const sortable = useSortable({ id });
  const { attributes, isDragging, listeners, setActivatorNodeRef, setNodeRef } = sortable;
  const { transform, transition } = sortable;
  return (
    <li
      ref={setNodeRef}
      className={classes.picture}
      data-dragging={isDragging || undefined}
      data-picture={id}
      style={{ transform: CSS.Transform.toString(transform), transition }}
    >
      <button
        type="button"
        ref={setActivatorNodeRef}
        className={classes.handle}
        {...attributes}
        {...listeners}
        aria-label={`${name}, place ${place} of ${count}`}
      >
        <Picture src={url} alt="" eager />
      </button>
      <Group justify="space-between" wrap="nowrap" gap={4} p={4}>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={`Move ${name} forward`}
          disabled={place === 1}
          onClick={() => {
            onMove(-1);
          }}
        >
          <IconArrowLeft size={18} aria-hidden />
        </ActionIcon>
        <Text size="sm" ta="center" aria-hidden>
          {placeName(place, count)}
        </Text>
        <ActionIcon
          variant="default"
          size="lg"
          aria-label={`Move ${name} back`}
          disabled={place === count}
          onClick={() => {
            onMove(1);
          }}
        >
          <IconArrowRight size={18} aria-hidden />
        </ActionIcon>
      </Group>
    </li>
  );
}

function placeName(place: number, count: number): string {
  if (place === 1) {
    return "1: most";
  }
  return place === count ? `${place}: least` : String(place);
}

function announcementsOf(pictures: readonly SortedPicture[]): Announcements {
  const nameOf = (id: UniqueIdentifier) => pictures.find(own => own.id === id)?.name ?? "Picture";
  const placeOf = (id: UniqueIdentifier) =>
    `place ${1 + pictures.findIndex(own => own.id === id)} of ${pictures.length}`;
  return {
    onDragStart: ({ active }) => `${nameOf(active.id)} is picked up from ${placeOf(active.id)}.`,
    onDragOver: ({ active, over }) =>
      over ? `${nameOf(active.id)} is over ${placeOf(over.id)}.` : undefined,
    onDragEnd: ({ active, over }) =>
      over ? `${nameOf(active.id)} is now at ${placeOf(over.id)}.` : undefined,
    onDragCancel: ({ active }) => `${nameOf(active.id)} is back at ${placeOf(active.id)}.`,
  };
}
