import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useState } from "react";

interface FilterFieldProps {
  label: string;
  /** The filter's value; null if it is not set. */
  value: string | null;
  onChange: (value: string | null) => void;
  placeholder?: string;
  width?: number;
}

/** A text of the filters; it filters when its reader has stopped typing. */
export function FilterField({
  label,
  value,
  onChange,
  placeholder,
  width = 160,
}: FilterFieldProps) {
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  const tell = useDebouncedCallback((typed: string) => onChange(typed.trim() || null), 400);
  return (
    <TextInput
      label={label}
      value={text}
      placeholder={placeholder}
      w={width}
      size="xs"
      onChange={event => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value);
      }}
    />
  );
}
